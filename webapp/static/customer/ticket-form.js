// The ticket form with JavaScript on: suggestions read beside the form, the promise before sending, selects that
// follow the product, a draft that survives, and filing without leaving the page. Without it the form files just so.

import * as draft from "../shared/draft.js";
import { Reader } from "./reader.js";

const form = document.getElementById("ticket-form");
const field = (name) => form.elements.namedItem(name);
const suggest = form.querySelector("ask-suggest");
const shortest = 3;

// ---- the episode: what was shown, read, helped (no address, no person; the server bounds and scrubs it)

function tell(kind, payload) {
  const body = JSON.stringify({ episode: field("episode").value, kind, payload });
  fetch(form.dataset.episodes, { method: "POST", body, keepalive: true, headers: { "Content-Type": "application/json" } }).catch(() => {});
}

const rank = { shown: 0, opened: 1, rejected: 2 };

function remember(id, outcome) {
  const trail = trailOf();
  const known = trail.find((entry) => entry.id === id);
  if (!known) trail.push({ id, outcome });
  else if (rank[outcome] > rank[known.outcome]) known.outcome = outcome;
  // What was read says more than what was shown: it is kept first when there is too much.
  trail.sort((one, other) => rank[other.outcome] - rank[one.outcome]);
  field("consulted").value = JSON.stringify(trail.slice(0, 20));
  keep();
}

function trailOf() {
  try {
    return JSON.parse(field("consulted").value) || [];
  } catch {
    return [];
  }
}

// ---- the draft

const SKIP = new Set(["csrf_token", "attachments"]);

function keep() {
  const values = {};
  for (const [name, value] of new FormData(form)) if (!SKIP.has(name) && typeof value === "string") values[name] = value;
  const kept = draft.save(values);
  const written = values.title || values.description;
  form.querySelector("[data-draft-note]").hidden = !(kept && written);
}

function restore() {
  const values = draft.load();
  if (!values || form.dataset.answered !== undefined || field("title").value) return;
  for (const [name, value] of Object.entries(values)) {
    const target = field(name);
    if (!target || SKIP.has(name)) continue;
    target.value = value; // a radio list takes its value too
    if (name === "product") follow();
  }
}

// ---- product, module, version

const groups = new Map();
for (const select of form.querySelectorAll("[data-follows]")) groups.set(select, [...select.children].map((child) => child.cloneNode(true)));

function follow() {
  const product = field("product").value;
  for (const [select, children] of groups) {
    const chosen = select.value;
    const mine = children.filter((child) => !child.dataset.product || child.dataset.product === product);
    select.replaceChildren(...mine.flatMap((child) => (child.dataset.product ? [...child.cloneNode(true).children] : [child.cloneNode(true)])));
    select.value = [...select.options].some((option) => option.value === chosen) ? chosen : "";
    select.disabled = select.options.length < 2;
  }
}

// ---- the promise before sending

const promised = document.querySelector("[data-promise-text]");
let promiseRequest;

async function promise() {
  const severity = field("severity").value;
  if (!severity) return;
  promiseRequest?.abort();
  const request = (promiseRequest = new AbortController());
  const facts = { severity };
  for (const name of ["type", "product", "version", "coupon", "zone"]) if (field(name).value) facts[name] = field(name).value;
  try {
    const response = await fetch(`${form.dataset.promise}?${new URLSearchParams(facts)}`, { signal: request.signal, headers: { Accept: "application/json" } });
    const answer = await response.json();
    if (request !== promiseRequest) return;
    if (response.status === 422) return unpromised(answer.detail);
    if (!response.ok) throw new Error(String(response.status));
    promised.replaceChildren(...words(answer));
    form.querySelector("[data-promise-line]").textContent = `${answer.text}.`;
  } catch (error) {
    if (error.name === "AbortError") return;
    unpromised("We tell you the time on the next page.");
  }
}

function unpromised(why) {
  promised.replaceChildren(line("p", "meta", why));
  form.querySelector("[data-promise-line]").textContent = "";
}

function line(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function words(answer) {
  const lines = [line("p", "promise-level", answer.level)];
  if (answer.due_text) lines.push(line("p", "meta", "First answer by"), line("p", "promise-when", answer.due_text));
  if (answer.why) lines.push(line("p", "meta", answer.why));
  if (answer.coupon_text) lines.push(line("p", "meta", answer.coupon_text));
  if (answer.support_text) lines.push(line("p", "meta", answer.support_text));
  return lines;
}

// ---- reading a suggestion

const reader = new Reader(document.getElementById("reader"), {
  closed: (hit, milliseconds) => tell("open", { id: hit.id, dwell_ms: milliseconds }),
  rejected: (hit) => {
    remember(hit.id, "rejected");
    suggest.reject(hit.id);
    tell("helped", { id: hit.id, yes: false });
  },
  solved: (hit) => {
    tell("helped", { id: hit.id, yes: true });
    location.assign(form.dataset.solved);
  },
});

form.addEventListener("ask:open", (event) => {
  remember(event.detail.hit.id, "opened");
  reader.open(event.detail.hit, field("title"));
});
form.addEventListener("ask:shown", (event) => {
  const { suggestions, generation } = event.detail.answer;
  for (const hit of suggestions) remember(hit.id, "shown");
  tell("shown", { ids: suggestions.map((hit) => hit.id), generation });
});
form.addEventListener("ask:settled", (event) => tell("query", { q: event.detail.query.slice(0, 256) }));

// ---- mistakes

const summary = document.getElementById("summary");
const refusal = document.getElementById("refusal");

function present(note) {
  note.hidden = false;
  note.focus();
  note.scrollIntoView({ block: "center" });
}

function fail(sentence, fields = {}) {
  if (Object.keys(fields).some((name) => inputsOf(name).length)) return showFaults(sentence, fields);
  // No field can mend a limit or a lost connection: the person reads about it at the button that they pressed.
  refusal.querySelector("[data-refusal]").textContent = sentence;
  present(refusal);
}

function showFaults(sentence, fields) {
  const list = summary.querySelector("[data-summary-list]");
  const told = summary.querySelector("[data-summary]");
  told.textContent = sentence;
  told.hidden = Object.keys(fields).length === 1 && Object.values(fields)[0] === sentence; // the list says it
  list.replaceChildren();
  for (const fault of form.querySelectorAll("[data-fault]")) {
    const words = fields[fault.dataset.fault] || "";
    fault.textContent = words;
    fault.hidden = !words;
    for (const input of inputsOf(fault.dataset.fault)) {
      if (words) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
  }
  for (const [name, words] of Object.entries(fields)) list.append(faultLink(name, words));
  present(summary);
}

function inputsOf(name) {
  const id = name === "severity_detail" ? `severity_detail_${field("severity").value}` : name;
  const input = document.getElementById(id);
  if (!input) return [];
  return [input.type === "radio" ? input.closest("fieldset") : input];
}

function faultLink(name, words) {
  const item = document.createElement("li");
  const target = inputsOf(name)[0];
  if (!target) item.textContent = words;
  else {
    const link = line("a", "", words);
    const input = target.matches("fieldset") ? target.querySelector("input") : target;
    link.href = `#${input.id}`;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      input.focus();
    });
    item.append(link);
  }
  return item;
}

// ---- filing

const button = document.getElementById("file-ticket");
let busy = false;

function setBusy(value) {
  busy = value;
  button.setAttribute("aria-disabled", String(value));
  button.textContent = value ? "Filing …" : "File the ticket";
}

async function file(event) {
  event.preventDefault();
  if (busy) return;
  setBusy(true);
  refusal.hidden = true;
  keep();
  try {
    const response = await fetch(form.dataset.file, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
    const answer = await response.json();
    if (response.ok) {
      location.assign(answer.url);
      return; // the button stays busy until the next page is there
    }
    fail(answer.detail || "The ticket could not be filed.", answer.fields);
  } catch {
    fail("The server could not be reached. Nothing is lost: wait a moment and press the button again, you will not file it twice.");
  }
  setBusy(false);
}

// ---- all together

field("zone").value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
follow();
restore();
keep();
if (field("title").value.trim().length >= shortest) customElements.whenDefined("ask-suggest").then(() => suggest.refresh());
promise();
tell("form_open", {});

let keeping;
form.addEventListener("input", () => {
  clearTimeout(keeping);
  keeping = setTimeout(keep, 200);
});
form.addEventListener("change", (event) => {
  if (event.target.name === "product") follow();
  if (["severity", "type", "product", "version", "coupon"].includes(event.target.name)) promise();
  if (event.target.name === "attachments") chosen(event.target);
});
form.addEventListener("submit", file);
window.addEventListener("pagehide", keep);
window.addEventListener("pageshow", () => setBusy(false));

function chosen(input) {
  const limit = Number(input.dataset.megabytes) * 1024 * 1024;
  const list = form.querySelector("[data-chosen]");
  const files = [...input.files];
  list.hidden = !files.length;
  list.replaceChildren(
    ...files.map((file) => line("li", file.size > limit ? "fault" : "meta", `${file.name}, ${(file.size / 1e6).toFixed(1)} MB${file.size > limit ? `: larger than ${input.dataset.megabytes} MB, choose a smaller file` : ""}`)),
  );
}
