// Uploads of large files in pieces (tus 1.0.0): a lost connection, a pause or a reload loses nothing
// that has arrived.
// Without it, the form sends whole files.

const PIECE = 4 * 1024 * 1024; // bytes
const FIRST_WAIT = 1000; // ms
const LONGEST_WAIT = 30_000; // ms
const VERSION = { "Tus-Resumable": "1.0.0" };

const form = document.querySelector("[data-uploads]");
const field = form?.querySelector('input[type="file"]');
const list = form?.querySelector('[data-list="uploads"]');
const status = form?.querySelector("[data-upload-status]");
const unfinished = [...document.querySelectorAll("[data-unfinished]")];

class Refused extends Error {}

const say = (words) => (status.textContent = words);

function size(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  return `${bytes < 10 && unit ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

function headers(more) {
  const token = form.querySelector('input[name="csrf_token"]').value;
  return { ...VERSION, "X-CSRFToken": token, Accept: "application/json", ...more };
}

// Returns the response, or throws if the server refuses the file for good. Anything else is tried again.
async function send(url, options) {
  const response = await fetch(url, { cache: "no-store", ...options });
  if (response.ok && !response.redirected) return response;
  if (response.redirected) throw new Refused("Your session has ended. Sign in again, then continue.");
  const again = [409, 423, 429].includes(response.status) || response.status >= 500;
  if (again) throw new Error(`${response.status}`);
  const problem = await response.json().catch(() => ({}));
  throw new Refused(problem.detail || "The server refused this file.");
}

function encoded(name) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(name)));
}

class Upload {
  constructor(file) {
    this.file = file;
    this.url = "";
    this.paused = false;
    this.ended = false;
    const template = form.querySelector("template[data-upload]");
    this.row = document.importNode(template.content, true).firstElementChild;
    this.row.querySelector(".upload-name").textContent = file.name;
    this.progress = this.row.querySelector("progress");
    this.progress.setAttribute("aria-label", file.name);
    this.pause = this.row.querySelector("[data-pause]");
    this.pause.addEventListener("click", () => this.toggle());
    this.row.querySelector("[data-cancel]").addEventListener("click", () => this.cancel());
    list.append(this.row);
    list.hidden = false;
  }

  show(words) {
    this.row.querySelector(".upload-state").textContent = words;
  }

  moved(offset) {
    const percent = Math.floor((100 * offset) / this.file.size);
    this.progress.value = percent;
    this.show(`${size(offset)} of ${size(this.file.size)}, ${percent} %`);
  }

  end(words) {
    this.ended = true;
    this.row.querySelector(".actions").remove();
    this.show(words);
    say(`${this.file.name}: ${words}`);
  }

  toggle() {
    this.paused = !this.paused;
    this.pause.textContent = this.paused ? "Resume" : "Pause";
    if (this.paused) this.show(`${this.row.querySelector(".upload-state").textContent}, paused`);
    else this.wake?.();
  }

  async cancel() {
    this.ended = true;
    this.wake?.();
    if (this.url) await send(this.url, { method: "DELETE", headers: headers() }).catch(() => {});
    localStorage.removeItem(this.url);
    this.row.remove();
    say(`${this.file.name}: cancelled`);
  }

  // Whether a part of this file has already arrived. A file that has changed since counts as a different one.
  before() {
    const row = unfinished.find((item) => {
      const { name, size: bytes, unfinished: url } = item.dataset;
      const changed = localStorage.getItem(url);
      return name === this.file.name && Number(bytes) === this.file.size && changed === `${this.file.lastModified}`;
    });
    if (row) unfinished.splice(unfinished.indexOf(row), 1);
    row?.remove();
    return row?.dataset.unfinished || "";
  }

  async begin() {
    this.url = this.before();
    if (this.url) return;
    const metadata = { "Upload-Length": `${this.file.size}`, "Upload-Metadata": `filename ${encoded(this.file.name)}` };
    const response = await send(form.dataset.uploads, { method: "POST", headers: headers(metadata) });
    this.url = new URL(response.headers.get("Location"), location.href).pathname;
    localStorage.setItem(this.url, `${this.file.lastModified}`);
  }

  async arrived() {
    const response = await send(this.url, { method: "HEAD", headers: headers() });
    return Number(response.headers.get("Upload-Offset"));
  }

  async piece(offset) {
    const response = await send(this.url, {
      method: "PATCH",
      headers: headers({ "Content-Type": "application/offset+octet-stream", "Upload-Offset": `${offset}` }),
      body: this.file.slice(offset, offset + PIECE),
    });
    return Number(response.headers.get("Upload-Offset"));
  }

  async run() {
    let wait = FIRST_WAIT;
    let offset = -1; // unknown: the server is asked
    while (!this.ended) {
      if (this.paused) await new Promise((resolve) => (this.wake = resolve));
      if (this.ended) return;
      try {
        if (!this.url) await this.begin();
        offset = offset < 0 ? await this.arrived() : await this.piece(offset);
        wait = FIRST_WAIT;
      } catch (error) {
        if (this.ended) return;
        if (error instanceof Refused) {
          this.row.classList.add("fault");
          return this.end(error.message);
        }
        offset = -1;
        this.show("The connection was lost. Trying again …");
        await new Promise((resolve) => {
          this.wake = resolve;
          setTimeout(resolve, wait);
        });
        wait = Math.min(2 * wait, LONGEST_WAIT);
        continue;
      }
      if (!this.paused) this.moved(offset);
      if (offset === this.file.size) {
        localStorage.removeItem(this.url);
        this.end("Added to the ticket");
      }
    }
  }
}

let sending = 0;

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const uploads = [...field.files].map((file) => new Upload(file));
  form.reset();
  sending += 1;
  for (const upload of uploads) await upload.run(); // one after the other: each gets the whole bandwidth
  sending -= 1;
});

addEventListener("beforeunload", (event) => {
  if (sending) event.preventDefault();
});
