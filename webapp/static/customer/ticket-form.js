// The ticket form with JavaScript: suggestions that are read beside the form, the due time before sending, selects
// that follow the product, a draft, and filing without leaving the page. Without it, the plain form files the ticket.

import * as draft from "../shared/draft.js";
import { bothEnds } from "../shared/combobox.js";
import { Reader } from "./reader.js";

const MIN_QUERY_LENGTH = 3; // characters, as in combobox.js
const MAX_CONSULTED = 20; // articles that a ticket carries

const form = document.getElementById("ticket-form");
const suggest = form.querySelector("ask-suggest");
const field = (name) => form.elements.namedItem(name);

function createElement(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

// --- the episode: what was shown, read and helped, without names or addresses

const isSilent = suggest.hasAttribute("silent"); // the experiment hides suggestions, and counts what they would be

function report(kind, payload) {
  const event = { episode: field("episode").value, form: "ticket", kind };
  const body = JSON.stringify({ ...event, payload: { product: field("product").value, ...payload } });
  const headers = { "Content-Type": "application/json" };
  fetch(form.dataset.episodes, { method: "POST", body, headers, keepalive: true }).catch(() => {});
}

const OUTCOME_RANKS = { shown: 0, opened: 1, rejected: 2 };

function consultedArticles() {
  try {
    return JSON.parse(field("consulted").value) || [];
  } catch {
    return [];
  }
}

function consult(id, outcome) {
  const articles = consultedArticles();
  const article = articles.find((entry) => entry.id === id);
  if (!article) articles.push({ id, outcome });
  else if (OUTCOME_RANKS[outcome] > OUTCOME_RANKS[article.outcome]) article.outcome = outcome;

  // What was read says more than what was only shown, so it stays when there are too many.
  articles.sort((left, right) => OUTCOME_RANKS[right.outcome] - OUTCOME_RANKS[left.outcome]);
  field("consulted").value = JSON.stringify(articles.slice(0, MAX_CONSULTED));
  saveDraft();
}

// --- the draft

const NOT_DRAFTED = new Set(["csrf_token", "attachments", "episode", "facts", "add_facts"]);

function saveDraft() {
  const values = {};
  for (const [name, value] of new FormData(form)) {
    const secret = form.elements.namedItem(name)?.dataset?.secret !== undefined;
    if (!NOT_DRAFTED.has(name) && !secret && typeof value === "string") values[name] = value;
  }
  const saved = draft.save(values);
  const hasText = values.title || values.description;
  form.querySelector("[data-draft-note]").hidden = !(saved && hasText);
}

function restoreDraft() {
  const values = draft.load();
  const isTyped = field("title").value || field("description").value; // by the server, or before this script ran
  if (!values || form.dataset.answered !== undefined || isTyped) return;
  for (const [name, value] of Object.entries(values)) {
    const target = field(name);
    if (!target || NOT_DRAFTED.has(name)) continue;
    target.value = value; // a radio list takes its value too
    if (name === "product") followProduct();
  }
}

// --- product, module, version

const originalOptions = new Map();
for (const select of form.querySelectorAll("[data-follows]")) {
  const children = [...select.children].map((child) => child.cloneNode(true));
  originalOptions.set(select, children);
}

function followProduct() {
  const product = field("product").value;
  for (const [select, children] of originalOptions) {
    const chosen = select.value;
    const options = [];
    for (const child of children) {
      if (!child.dataset.product) options.push(child.cloneNode(true));
      else if (child.dataset.product === product) options.push(...child.cloneNode(true).children);
    }
    select.replaceChildren(...options);

    const stillThere = [...select.options].some((option) => option.value === chosen);
    select.value = stillThere ? chosen : "";
    select.disabled = select.options.length < 2;
  }
}

// --- fields and severities that are only about some tickets

function applies(rule) {
  return Object.entries(rule).every(([name, values]) => values.includes((field(name)?.value || "").trim().toLowerCase()));
}

function followConditions() {
  for (const box of form.querySelectorAll("[data-when]")) {
    const fits = applies(JSON.parse(box.dataset.when));
    box.hidden = !fits;
    for (const input of box.querySelectorAll("input, select")) input.disabled = !fits;
  }
  const card = form.querySelector("[data-own-fields]");
  if (card) card.hidden = !card.querySelector(".field:not([hidden])");
  for (const choice of form.querySelectorAll("[data-severity-when]")) {
    const input = choice.querySelector("input[type=radio]");
    input.disabled = !applies(JSON.parse(choice.dataset.severityWhen));
    if (input.disabled) input.checked = false;
  }
  for (const words of form.querySelectorAll("[data-when-words]")) words.hidden = true;
  const own = form.querySelector("[data-own-fields]");
  if (own) own.hidden = !own.querySelector(".field:not([hidden])");
}

function followTopic() {
  const topic = field("topic")?.value;
  for (const details of document.querySelectorAll("[data-scope] [data-topic]")) {
    details.open = details.dataset.topic === topic;
  }
}

// --- the due time before sending

const promiseText = document.querySelector("[data-promise-text]");
const promiseLine = form.querySelector("[data-promise-line]");
let promiseRequest;

async function updatePromise() {
  const severity = field("severity").value;
  if (!severity) return;
  promiseRequest?.abort();
  const request = (promiseRequest = new AbortController());

  const facts = { severity };
  for (const name of ["type", "topic", "product", "version", "coupon", "zone"]) {
    if (field(name)?.value) facts[name] = field(name).value;
  }

  try {
    const address = `${form.dataset.promise}?${new URLSearchParams(facts)}`;
    const response = await fetch(address, { signal: request.signal, headers: { Accept: "application/json" } });
    const answer = await response.json();
    if (request !== promiseRequest) return;
    if (response.status === 422) return clearPromise(answer.detail);
    if (!response.ok) throw new Error(String(response.status));

    promiseText.replaceChildren(...promiseParagraphs(answer));
    promiseLine.textContent = `${answer.text}.`;
  } catch (error) {
    if (error.name === "AbortError") return;
    clearPromise("The next page shows when we will reply.");
  }
}

function clearPromise(reason) {
  promiseText.replaceChildren(createElement("p", "meta", reason));
  promiseLine.textContent = "";
}

function promiseParagraphs(answer) {
  const paragraphs = [createElement("p", "promise-level", answer.level)];
  if (answer.due_text) {
    paragraphs.push(createElement("p", "meta", "First response by"));
    paragraphs.push(createElement("p", "promise-when", answer.due_text));
  }
  for (const note of [answer.why, answer.coupon_text, answer.support_text]) {
    if (note) paragraphs.push(createElement("p", "meta", note));
  }
  return paragraphs;
}

// --- reading a suggestion

const reader = new Reader(document.getElementById("reader"), {
  closed: (hit, milliseconds) => report("open", { id: hit.id, dwell_ms: milliseconds }),
  rejected: (hit) => {
    consult(hit.id, "rejected");
    suggest.reject(hit.id);
    report("helped", { id: hit.id, yes: false });
  },
  solved: (hit) => {
    report("helped", { id: hit.id, yes: true });
    location.assign(form.dataset.solved);
  },
});

form.addEventListener("ask:open", (event) => {
  consult(event.detail.hit.id, "opened");
  reader.open(event.detail.hit, field("title"));
});
form.addEventListener("ask:shown", (event) => {
  const { suggestions, generation } = event.detail.answer;
  if (!isSilent) for (const hit of suggestions) consult(hit.id, "shown");
  report("shown", { ids: suggestions.map((hit) => hit.id), generation });
});
form.addEventListener("ask:settled", (event) => {
  const { query, count } = event.detail;
  report("query", { q: query.slice(0, 256), found: count });
});

// --- open tickets of one's own that may be about the same

const OWN_PAUSE = 300; // ms without a key
const ownTickets = document.querySelector("[data-own-tickets-note]");
let ownTimer;
let ownRequest;

async function showOwnTickets() {
  ownRequest?.abort();
  const q = field("title").value.trim().slice(0, 256);
  const request = (ownRequest = new AbortController());
  let tickets = [];
  if (q.length >= MIN_QUERY_LENGTH) {
    try {
      const address = `${form.dataset.ownTickets}?${new URLSearchParams({ q })}`;
      const response = await fetch(address, { signal: request.signal, headers: { Accept: "application/json" } });
      if (response.ok) ({ tickets } = await response.json());
    } catch {
      // Slow, offline or aborted: the form works without them.
    }
  }
  if (request !== ownRequest) return;

  const items = tickets.map((ticket) => {
    const link = createElement("a", "", `${ticket.number} ${ticket.title}`);
    link.href = ticket.url;
    link.target = "_blank";
    link.rel = "noopener";
    link.dir = "auto";
    const item = document.createElement("li");
    item.dataset.ownTicket = ticket.number;
    item.append(link);
    return item;
  });
  ownTickets.querySelector("ul").replaceChildren(...items);
  ownTickets.hidden = !items.length;
}

if (ownTickets) {
  field("title").addEventListener("input", () => {
    clearTimeout(ownTimer);
    ownTimer = setTimeout(showOwnTickets, OWN_PAUSE);
  });
}

// --- known problems of the chosen product

function showProblems() {
  const product = field("product").value;
  for (const problem of document.querySelectorAll(".problem-banner [data-product]")) {
    problem.hidden = Boolean(product) && problem.dataset.product !== product;
  }
  const banner = document.querySelector(".problem-banner");
  if (banner) banner.hidden = !banner.querySelector("[data-problem]:not([hidden])");
}

// --- the description: suggestions at a pause, for its error message where a log was pasted

const DESCRIPTION_PAUSE = 900; // ms without a key
const MIN_DESCRIPTION = 20; // characters
const forDescription = document.querySelector("[data-description-suggestions]");
let descriptionTimer;
let descriptionRequest;

async function suggestForDescription() {
  const text = field("description").value.trim();
  descriptionRequest?.abort();
  if (text.length < MIN_DESCRIPTION) return showForDescription(null);

  const request = (descriptionRequest = new AbortController());
  const q = bothEnds(`${field("title").value}\n${text}`);
  try {
    const response = await fetch(`${suggest.getAttribute("src")}?limit=3&settled=1`, {
      method: "POST",
      body: JSON.stringify({ q }),
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      signal: request.signal,
    });
    const answer = response.ok ? await response.json() : null;
    if (request === descriptionRequest) showForDescription(answer);
  } catch {
    // Slow, offline or aborted: no suggestions then.
  }
}

function showForDescription(answer) {
  const known = new Set(consultedArticles().map((article) => article.id));
  const hits = (answer?.suggestions || []).filter((hit) => !known.has(hit.id) || offered.has(hit.id));
  if (isSilent) {
    if (hits.length) report("shown", { ids: hits.map((hit) => hit.id), generation: answer.generation });
    return;
  }
  forDescription.hidden = !hits.length;

  const lookedFor = forDescription.querySelector("[data-looked-for]");
  lookedFor.textContent = answer?.looked_for ? `Looking for: ${answer.looked_for}` : "";
  forDescription.querySelector("ul").replaceChildren(...hits.map(descriptionItem));
  if (!hits.length) return;

  for (const hit of hits) {
    offered.add(hit.id);
    consult(hit.id, "shown");
  }
  report("shown", { ids: hits.map((hit) => hit.id), generation: answer.generation });
}

const offered = new Set(); // what was shown for the description, not for the title

function descriptionItem(hit) {
  const item = document.createElement("li");
  const button = createElement("button", "button quiet", hit.title);
  button.type = "button";
  button.addEventListener("click", () => {
    consult(hit.id, "opened");
    reader.open(hit, button);
  });
  item.append(button);
  return item;
}

field("description").addEventListener("input", () => {
  clearTimeout(descriptionTimer);
  descriptionTimer = setTimeout(suggestForDescription, DESCRIPTION_PAUSE);
});

// A title has one line: a pasted log keeps signs of where its lines ended.
field("title").addEventListener("paste", (event) => {
  const text = event.clipboardData?.getData("text/plain").trim() || "";
  if (!text.includes("\n")) return;
  event.preventDefault();
  const input = field("title");
  input.setRangeText(text.replace(/\s*\n\s*/g, "   "), input.selectionStart, input.selectionEnd, "end");
  input.dispatchEvent(new InputEvent("input", { bubbles: true }));
});

// --- faults

const summary = document.getElementById("summary");
const refusal = document.getElementById("refusal");

function present(notice) {
  notice.hidden = false;
  notice.focus();
  notice.scrollIntoView({ block: "center" });
}

function showFailure(sentence, fields = {}) {
  if (Object.keys(fields).some((name) => inputsOf(name).length)) return showFaults(sentence, fields);
  // No field can lift a limit or a lost connection: the person reads about it at the button that they pressed.
  refusal.querySelector("[data-refusal]").textContent = sentence;
  present(refusal);
}

function showFaults(sentence, fields) {
  const summarySentence = summary.querySelector("[data-summary]");
  const sentences = Object.values(fields);
  summarySentence.textContent = sentence;
  summarySentence.hidden = sentences.length === 1 && sentences[0] === sentence; // the list says it

  for (const fault of form.querySelectorAll("[data-fault]")) {
    const words = fields[fault.dataset.fault] || "";
    fault.textContent = words;
    fault.hidden = !words;
    for (const input of inputsOf(fault.dataset.fault)) {
      if (words) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
  }

  const links = Object.entries(fields).map(([name, words]) => faultLink(name, words));
  summary.querySelector("[data-summary-list]").replaceChildren(...links);
  present(summary);
}

function inputsOf(name) {
  const ofSeverity = name === "severity_detail" || name === "severity_explanation";
  const id = ofSeverity ? `${name}_${field("severity").value}` : name;
  const input = document.getElementById(id);
  if (!input) return [];
  return [input.type === "radio" ? input.closest("fieldset") : input];
}

function faultLink(name, words) {
  const item = document.createElement("li");
  const target = inputsOf(name)[0];
  if (!target) {
    item.textContent = words;
    return item;
  }

  const input = target.matches("fieldset") ? target.querySelector("input") : target;
  const link = createElement("a", "", words);
  link.href = `#${input.id}`;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    input.focus();
  });
  item.append(link);
  return item;
}

// --- filing

const fileButton = document.getElementById("file-ticket");
const fileButtonText = fileButton.textContent;
let busy = false;

function setBusy(value) {
  busy = value;
  fileButton.setAttribute("aria-disabled", String(value));
  fileButton.textContent = value ? "Filing …" : fileButtonText;
}

async function fileTicket(event) {
  event.preventDefault();
  if (busy) return;
  setBusy(true);
  refusal.hidden = true;
  saveDraft();

  try {
    const response = await fetch(form.dataset.file, {
      method: "POST",
      body: new FormData(form),
      headers: { Accept: "application/json" },
    });
    const answer = await response.json();
    if (response.ok) {
      location.assign(answer.url);
      return; // the button stays busy until the next page is there
    }
    showFailure(answer.detail || "The ticket could not be filed.", answer.fields);
  } catch {
    showFailure("The server could not be reached. Your text is kept. Try again in a moment; it is filed only once.");
  }
  setBusy(false);
}

function listFiles(input) {
  const limit = Number(input.dataset.megabytes) * 1024 * 1024;
  const files = [...input.files];

  const items = files.map((file) => {
    const size = `${file.name}, ${(file.size / 1e6).toFixed(1)} MB`;
    if (file.size <= limit) return createElement("li", "meta", size);
    const upload = Number(input.dataset.uploadMegabytes) > Number(input.dataset.megabytes);
    const remedy = upload
      ? `Leave it out here, and upload it through a link on the page of the ticket (up to ${input.dataset.uploadMegabytes} MB).`
      : "Choose a smaller file.";
    return createElement("li", "fault", `${size}: larger than ${input.dataset.megabytes} MB. ${remedy}`);
  });

  const list = form.querySelector("[data-chosen]");
  list.hidden = !files.length;
  list.replaceChildren(...items);
}

// --- one press adds what support would ask for; it stands in the description, where everybody can edit it

const factsButton = form.querySelector("[data-add-facts]");

function browserFacts() {
  const facts = {
    Browser: navigator.userAgent,
    Window: `${innerWidth} × ${innerHeight}, ${devicePixelRatio} pixels per point`,
    Languages: navigator.languages.join(", "),
    "Time zone": Intl.DateTimeFormat().resolvedOptions().timeZone,
    Cookies: navigator.cookieEnabled ? "on" : "off",
    Page: document.referrer || "opened directly",
  };
  const lines = Object.entries(facts).map(([name, value]) => `${name}: ${value}`);
  return ["```", ...lines, "```"].join("\n");
}

factsButton.hidden = false;
factsButton.addEventListener("click", () => {
  const description = field("description");
  description.value = [description.value.trimEnd(), browserFacts()].filter(Boolean).join("\n\n");
  description.dispatchEvent(new Event("input", { bubbles: true }));
  factsButton.hidden = true;
  description.focus();
});

// --- start

const PROMISE_FIELDS = ["severity", "type", "topic", "product", "version", "coupon"];
let draftTimer;

form.addEventListener("input", () => {
  clearTimeout(draftTimer);
  draftTimer = setTimeout(saveDraft, 200);
});
form.addEventListener("change", (event) => {
  const { name } = event.target;
  if (name === "product") {
    followProduct();
    showProblems();
  }
  if (name === "topic") followTopic();
  followConditions();
  if (PROMISE_FIELDS.includes(name)) updatePromise();
  if (name === "attachments") listFiles(event.target);
});
form.addEventListener("submit", fileTicket);
window.addEventListener("pagehide", saveDraft);
window.addEventListener("pageshow", () => setBusy(false));

field("zone").value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
followProduct();
restoreDraft();
followConditions();
saveDraft();
// What is in the form already: from the draft, from the server, or typed before this script ran.
if (field("title").value.trim().length >= MIN_QUERY_LENGTH) {
  customElements.whenDefined("ask-suggest").then(() => suggest.refresh());
  if (ownTickets) showOwnTickets();
}
if (field("description").value) suggestForDescription();
listFiles(field("attachments"));
showProblems();
followTopic();
updatePromise();
report("form_open", {});
