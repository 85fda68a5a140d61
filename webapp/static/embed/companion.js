// What main.js needs once somebody types on a page of another site: the colours of the page, the panel in which a
// suggestion is read, the visit that the help centre counts, and the trail that travels with the form of the page.
//
// The panel stands in a shadow root of its own, so that neither styles nor ids of the page meet those of the article. It
// is built of elements and text nodes: no HTML is parsed.

const LABELS = {
  loading: "Loading …",
  failed: "This page could not be loaded. Open it in a new tab instead.",
  open: "Open in a new tab",
  solved: "This solved it",
  unsolved: "Still need help",
  close: "Close",
  thanks: "Thank you. Nothing was sent.",
  consulted: "Consulted before sending:",
};
const OUTCOMES = ["shown", "opened", "rejected", "solved"]; // each says more than the ones before
const MIN_LENGTH = 3; // characters, as in main.js
const SETTLED = 2000; // ms without a key press after which the query counts as complete
const ROOM = 240; // pixels that a list may need
const MOST_CONSULTED = 20; // articles that travel with a form

const STYLE = `
dialog {
  box-sizing: border-box;
  width: min(44rem, calc(100vw - 16px));
  max-height: calc(100vh - 32px);
  padding: 0;
  border: 1px solid;
  border-radius: 8px;
  background: var(--askfirst-background, Canvas);
  color: var(--askfirst-color, CanvasText);
  font: var(--askfirst-font, inherit);
  line-height: 1.5;
  text-align: start;
}
dialog[open] { display: flex; flex-direction: column; }
dialog::backdrop { background: rgb(0 0 0 / 45%); }
header, footer { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; padding: 12px 16px; }
h1 { flex: 1; margin: 0; font-size: 1.2em; overflow-wrap: anywhere; }
h1:focus { outline: none; }
section { position: relative; overflow: auto; padding: 0 16px; border-block: 1px solid; overflow-wrap: anywhere; }
pre, table { overflow: auto; max-width: 100%; }
table { display: block; border-collapse: collapse; }
pre, blockquote { margin-inline: 0; padding: 8px; border: 1px solid; }
th, td { padding: 4px 8px; border: 1px solid; text-align: start; }
.passage { background: color-mix(in srgb, currentColor 14%, transparent); }
button, a { color: inherit; font: inherit; }
button { padding: 8px 12px; border: 1px solid; border-radius: 6px; background: none; cursor: pointer; }
button:hover { background: color-mix(in srgb, currentColor 10%, transparent); }
:focus-visible { outline: 2px solid; outline-offset: 2px; }
section:focus-visible { outline-offset: -2px; }`;

// What an article may consist of: even a compromised help centre cannot run anything in the page.
const TAGS =
  /^(a|abbr|b|blockquote|br|caption|code|dd|del|details|div|dl|dt|em|fig(ure|caption)|h[1-6]|hr|i|ins|kbd|li|mark|ol|p|pre|s|samp|span|strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|tr|u|ul|var)$/;
const ATTRIBUTES = /^(id|lang|dir|title|start|colspan|rowspan|scope)$/;
const SHARE = 80; // characters of a passage that are looked for

const sheets = new WeakMap(); // by document

function sheetOf(document) {
  if (!sheets.has(document)) {
    const sheet = new document.defaultView.CSSStyleSheet();
    sheet.replaceSync(STYLE);
    sheets.set(document, sheet);
  }
  return sheets.get(document);
}

// A node of an article: a text, or [tag, attributes, ...children].
function nodeOf(shape, document, base) {
  if (typeof shape === "string") return document.createTextNode(shape);
  const [tag, attributes, ...children] = shape;
  const element = document.createElement(TAGS.test(tag) ? tag : "span");
  for (const [name, value] of Object.entries(attributes)) {
    if (ATTRIBUTES.test(name)) element.setAttribute(name, value);
  }
  const target = attributes.href && new URL(attributes.href, base).href;
  if (/^(https?|mailto):/.test(target)) Object.assign(element, { href: target, target: "_blank", rel: "noopener" });
  element.append(...children.map((child) => nodeOf(child, document, base)));
  return element;
}

// Shows the block that says what was suggested, else the heading above it.
function showPlace(body, hit) {
  const flat = (text) => text.replace(/\s+/g, "");
  const parts = (hit.passage?.text || "").split(/^… | … | …$|\n+/).map(flat);
  const wanted = parts.reduce((longest, part) => (part.length > longest.length ? part : longest), "");
  const blocks = [...body.querySelectorAll("p, li, pre, td, dd, h2, h3, h4")].reverse();
  const block = wanted && blocks.find((element) => flat(element.textContent).includes(wanted.slice(0, SHARE)));
  const anchor = decodeURIComponent((hit.url.match(/#(.*)/) || [])[1] || "");
  const place = block || (anchor && body.querySelector(`#${CSS.escape(anchor)}`));
  if (block) block.classList.add("passage");
  if (place) body.scrollTop = place.offsetTop - 16;
}

// --- the visit, only with `form` or `trail`: a random name for half an hour, so that all tabs are one visit

const VISIT_KEY = "askfirst.visit";
const IDLE = 30 * 60 * 1000; // ms without an event after which a visit is over
const ARM_TIMEOUT = 1500; // ms for which suggestions wait for the answer

const visits = new Map(); // by portal and form
const packs = {}; // by address and key
const trails = new WeakMap(); // form -> what was consulted for it, by id
const written = new WeakMap(); // form field -> the trail that we wrote there

function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function currentVisit() {
  const now = Date.now();
  let visit = null;
  try {
    visit = JSON.parse(localStorage.getItem(VISIT_KEY));
  } catch {
    // storage is off, or its content is not ours
  }
  const isOver = !visit?.id || now - visit.seen > IDLE || visit.seen > now;
  visit = { id: isOver ? randomName() : visit.id, seen: now };
  try {
    localStorage.setItem(VISIT_KEY, JSON.stringify(visit));
  } catch {
    // each page is a visit of its own then
  }
  return visit.id;
}

class Visit {
  constructor(box, form) {
    this.box = box;
    this.form = form;
    this.id = currentVisit();
    this.arm = null; // unknown
    // Without an answer the suggestions are shown, and the visit is not counted.
    this.ready = this.report("form_open", {}, AbortSignal.timeout(ARM_TIMEOUT))
      .then((response) => (response.ok ? response.json() : null))
      .then((answer) => (this.arm = answer?.arm ?? null))
      .catch(() => {});
  }

  async report(kind, payload, signal) {
    const { token } = this.box.options;
    const bearer = typeof token === "function" ? await token() : token;
    const headers = { "Content-Type": "application/json" };
    if (bearer) headers.Authorization = `Bearer ${bearer}`;
    return fetch(this.box.address(`api/v1/episodes?visit=${this.box.page}`), {
      method: "POST",
      body: JSON.stringify({ episode: this.id, form: this.form, kind, payload }),
      headers,
      credentials: "omit",
      keepalive: true,
      signal,
    });
  }

  async tell(kind, payload) {
    await this.ready;
    if (this.arm !== null) this.report(kind, payload).catch(() => {});
  }
}

function visitOf(box) {
  const { portal, options, answered } = box;
  const name = options.form || (options.trail && "embed");
  const key = `${portal} ${name}`;
  // Suggestions that are already shown say nothing about the experiment.
  if (name && !answered && !visits.has(key)) visits.set(key, new Visit(box, name));
  return visits.get(key);
}

// --- colours, in whatever notation the page writes them

let pen;

function pixel(color) {
  pen ??= document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  pen.clearRect(0, 0, 1, 1);
  pen.fillStyle = color;
  pen.fillRect(0, 0, 1, 1);
  return pen.getImageData(0, 0, 1, 1).data;
}

// WCAG 2.2: relative luminance, and the contrast that text needs.
function luminance(color) {
  const [red, green, blue] = Array.from(pixel(color), (part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const READABLE = 4.5;
const MIDDLE = 0.179; // from here on black has more contrast than white

function contrast(left, right) {
  const [low, high] = [left, right].sort((one, other) => one - other);
  return (high + 0.05) / (low + 0.05);
}

// What belongs to the box of one field.
export class Companion {
  constructor(box) {
    this.box = box;
    this.visit = visitOf(box);
    this.ready = this.visit?.ready;
    this.readPack(box.options.pack);
    this.typed();
  }

  // Called after each key. Returns what the pack answers.
  typed() {
    clearTimeout(this.settleTimer);
    this.settleTimer = setTimeout(() => this.settle(), SETTLED);
    return this.local(this.box.query());
  }

  settle() {
    clearTimeout(this.settleTimer);
    const { box } = this;
    const query = box.query();
    if (!query || query === this.settled) return;
    this.settled = query;
    this.tell("query", { q: query, found: query === box.answered ? box.hits.length : null });
  }

  submitted() {
    this.settle();
    this.tell("submit", {});
  }

  forget() {
    clearTimeout(this.settleTimer);
  }

  // --- answers without a round trip

  async readPack(key) {
    if (!key) return;
    const address = this.box.address("embed-pack.txt");
    await this.ready; // the holdout must see none
    packs[address + key] ??= import("./pack.js").then((module) => module.loadPack(address, key));
    this.pack = await packs[address + key].catch((error) => console.warn(`askfirst: no pack: ${error.message}`));
  }

  local(query) {
    const entries = Array.from(query).length < MIN_LENGTH ? [] : this.pack?.search(query, this.box.options.limit || 5);
    if (!entries?.length) return null;
    return { suggestions: entries.map(({ id, title }) => ({ id, title, kind: id.split("/")[0], url: `help/${id}` })) };
  }

  get arm() {
    return this.visit?.arm;
  }

  label(name) {
    return this.box.labels?.[name] ?? LABELS[name];
  }

  tell(kind, payload) {
    this.visit?.tell(kind, { product: this.box.options.product || "", ...payload });
  }

  show(hits, generation) {
    const ids = hits.filter((hit) => hit.kind !== "problem").map((hit) => hit.id);
    if (ids.length) this.tell("shown", { ids, generation });
    if (this.arm !== "holdout") for (const hit of hits) this.consult(hit, "shown");
  }

  // Whether the list would lie over the button that sends the form, if it were below the field.
  isSendBelow(bottom) {
    const { form } = this.box.field;
    const button = form?.querySelector("[type=submit], [type=image], button:not([type])");
    const place = button?.getBoundingClientRect();
    return place?.width > 0 && place.top >= bottom - place.height / 2 && place.top < bottom + ROOM;
  }

  // The colours of the field: whatever the system prefers, people can read what they type there.
  paint({ style }) {
    const { field } = this.box;
    const own = getComputedStyle(field);
    let background = "";
    for (let node = field; node && !background; node = node.parentElement || node.getRootNode().host) {
      const color = getComputedStyle(node).backgroundColor;
      if (pixel(color)[3] > 127) background = color;
    }
    style.setProperty("--askfirst-font", `${own.fontSize} ${own.fontFamily}`);
    if (!background) return; // the page's own scheme
    const light = luminance(background);
    const isReadable = contrast(light, luminance(own.color)) >= READABLE;
    style.colorScheme = light > MIDDLE ? "light" : "dark";
    style.setProperty("--askfirst-background", background);
    style.setProperty("--askfirst-color", isReadable ? own.color : light > MIDDLE ? "#000" : "#fff");
  }

  // --- what travels with the form

  get entries() {
    const key = this.box.field.form || this.box.field;
    if (!trails.has(key)) trails.set(key, new Map());
    return trails.get(key);
  }

  consult(hit, outcome) {
    const earlier = this.entries.get(hit.id)?.outcome;
    if (OUTCOMES.indexOf(outcome) < OUTCOMES.indexOf(earlier)) return;
    this.entries.set(hit.id, { title: hit.title, url: this.box.address(hit.url), outcome });

    const { form } = this.box.field;
    const name = form && this.box.options.trail;
    if (!name) return;
    let target = form.elements.namedItem(name);
    if (!target) {
      target = form.ownerDocument.createElement("input");
      target.type = "hidden";
      target.name = name;
      form.append(target);
    }
    // What somebody else has written there stays.
    if (target.value && target.value !== written.get(target)) return;
    // As if it was typed: React takes no value that a script has set.
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(target), "value")?.set.call(target, this.trail());
    target.dispatchEvent(new Event("input", { bubbles: true }));
    written.set(target, target.value);
  }

  // What was read says more than what was only shown.
  trail() {
    const entries = [...this.entries.values()];
    if (!entries.length) return "";
    entries.sort((left, right) => OUTCOMES.indexOf(right.outcome) - OUTCOMES.indexOf(left.outcome));
    const lines = entries.slice(0, MOST_CONSULTED).map(({ outcome, title, url }) => `${outcome}: ${title} <${url}>`);
    if (this.visit) lines.push(this.box.address(`desk/insights/visits/${this.visit.id}`));
    return [this.label("consulted"), ...lines].join("\n");
  }

  // --- reading

  read(hit) {
    const { box } = this;
    const { field, home } = box;
    this.consult(hit, "opened");
    const document = field.ownerDocument;
    const create = (tag, text) => Object.assign(document.createElement(tag), { textContent: text, dir: "auto" });

    const shell = document.createElement("div");
    const root = shell.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheetOf(document)];

    const dialog = document.createElement("dialog");
    const title = Object.assign(create("h1", hit.title), { id: "title", tabIndex: -1, lang: hit.language || "" });
    const body = Object.assign(create("section", this.label("loading")), { tabIndex: 0 });
    const button = (name) => {
      const element = Object.assign(create("button", this.label(name)), { type: "button", name });
      element.addEventListener("click", () => finish(name));
      return element;
    };
    const link = Object.assign(create("a", this.label("open")), { href: box.address(hit.url) });
    Object.assign(link, { target: "_blank", rel: "noopener" });
    const [header, footer] = [document.createElement("header"), document.createElement("footer")];
    header.append(title, button("close"));
    footer.append(button("solved"), button("unsolved"), link);
    dialog.setAttribute("aria-labelledby", "title");
    body.setAttribute("aria-labelledby", "title");
    body.setAttribute("role", "region");
    dialog.append(header, body, footer);
    root.append(dialog);
    shell.lang = box.box.lang;
    shell.className = "askfirst-reader";
    home.append(shell);
    shell.dir = box.box.dir;
    this.paint(shell);

    // The page does not see keys and clicks in the panel.
    for (const kind of ["pointerdown", "mousedown", "mouseup", "click", "keydown", "keyup"]) {
      shell.addEventListener(kind, (event) => event.stopPropagation());
    }
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) finish("close"); // the backdrop
    });
    // At once: the close event comes later than the next key may.
    const began = Date.now();
    const finish = (outcome) => {
      if (!shell.isConnected) return;
      dialog.close();
      shell.remove();
      field.focus();
      this.judge(hit, outcome, Date.now() - began);
    };
    dialog.addEventListener("close", () => finish("close"));
    dialog.showModal();
    title.focus();

    if (hit.kind === "problem") {
      const texts = [hit.symptoms, hit.workaround].filter(Boolean);
      return body.replaceChildren(...texts.map((text) => create("p", text)));
    }
    const path = String(hit.id).split("/").map(encodeURIComponent).join("/");
    return box
      .get(`api/v1/articles/${path}?visit=${box.page}`, "application/vnd.askfirst.tree+json")
      .then((shapes) => {
        body.replaceChildren(...shapes.map((shape) => nodeOf(shape, document, box.portal)));
        body.lang = hit.language || "";
        showPlace(body, hit);
      })
      .catch(() => (body.textContent = this.label("failed")));
  }

  // After reading: ``outcome`` is the button that was pressed.
  judge(hit, outcome, milliseconds) {
    const { box } = this;
    const isSolved = outcome === "solved";
    const tell = hit.kind === "problem" ? () => {} : (kind, payload) => this.tell(kind, { id: hit.id, ...payload });
    tell("open", { dwell_ms: milliseconds });
    if (!isSolved && outcome !== "unsolved") return;
    if (isSolved) {
      box.close();
      box.status.textContent = this.label("thanks");
    } else {
      box.rejected[hit.id] = true;
      box.items[box.hits.indexOf(hit)]?.classList.add("suggest-rejected");
    }
    tell("helped", { yes: isSolved });
    this.consult(hit, isSolved ? outcome : "rejected");
    box.dispatch(outcome, box.detail(hit));
  }
}
