// Suggestions for the forms of other sites: /embed.js, and the npm package @askfirst/embed.
//
// Nothing looks for fields: events of the whole document, through shadow roots and frames of the same origin, say which
// field is in use, so that it may come late and be mounted again. The list floats over the page in the field's own
// root; nothing of the page moves. Text enters as text nodes only. When the help centre is down, the form works as
// before. Pattern: the combobox with a listbox of the WAI-ARIA Authoring Practices; the focus stays in the field.
// Colours, reading, counting and what travels with the form are in companion.js, which comes once somebody types.
//
// /embed.js is this file without its comments and indentation, as one function: no string may depend on either.

const DEBOUNCE = 120; // ms without a key before a request
const PAUSE = 330; // ms after an answer, without a key press, until the sentence encoder reads the text
const TIMEOUT = 4000; // ms before a request is given up
const MIN_LENGTH = 3; // characters
const MAX_LENGTH = 256; // characters in an address
const PATIENCE = 1500; // ms for which suggestions wait for the companion
const GAP = 4; // pixels between the field and the list
const FIELDS = "textarea, input:not([type]), input[type=text], input[type=search]";
const SEEN = ["suggestions", "problems", "answer", "id", "url", "tier", "passage", "text"]; // parts that people see
const LAYERS = "dialog, [role$=dialog], [aria-modal], [popover]";

const LABELS = {
  list: "Suggestions",
  count: "Suggestions: {n}. Use the arrow keys to choose and Enter to read.",
  none: "No suggestions.",
  answer: "The first one shows the answer.",
  perhaps: "Perhaps also",
  doc: "Guide",
  faq: "FAQ",
  forum: "Forum",
  problem: "Known problem",
};

const STYLE = `
.askfirst {
  &, .suggest-list, .suggest-list * { all: unset; display: block; box-sizing: border-box; }
  & {
    position: fixed;
    z-index: 2147483647;
    color: var(--askfirst-color, CanvasText);
    font: var(--askfirst-font, inherit);
    line-height: 1.4;
    text-align: start;
  }
  &[hidden] { display: none; }
  &[dir="rtl"] * { text-align: right; }
  &.suggest-status { width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); top: 0; left: 0; }
  .suggest-list {
    padding: 4px;
    overflow: auto;
    overscroll-behavior: contain;
    border: 1px solid color-mix(in srgb, currentColor 40%, transparent);
    border-radius: 8px;
    background: var(--askfirst-background, Canvas);
    box-shadow: 0 6px 20px #0004;
  }
  .suggest-option { padding: 8px 10px; border-radius: 6px; cursor: pointer; overflow-wrap: anywhere; }
  .suggest-option:hover, [aria-selected="true"] { background: color-mix(in srgb, currentColor 10%, transparent); }
  [aria-selected="true"] { outline: 2px solid; outline-offset: -2px; }
  .suggest-title { font-weight: 600; }
  .suggest-perhaps .suggest-title { font-weight: 400; }
  .suggest-kind { float: inline-end; margin-inline-start: 12px; }
  .suggest-divider { padding: 6px 10px 2px; }
  .suggest-text { font-size: .9em; }
  .suggest-path, .suggest-kind, .suggest-divider { font-size: .85em; }
  .suggest-answer .suggest-text { white-space: pre-line; }
  .suggest-rejected { text-decoration: line-through; }
  .suggest-list mark { display: inline; font-weight: 600; }
}`;

const boxes = new WeakMap(); // field -> its Box; null: the page has detached it
const watched = new WeakSet(); // documents and roots with our listeners, and the events that were handled
const sheets = new WeakMap(); // document -> its style sheet
const live = new Set(); // boxes with elements in the page
const rules = []; // of script tags: [selector, options]

let defaults = {};
let count = 0;

// Not stored anywhere. It lets people who share a network address be counted separately.
const PAGE = Math.random().toString(36).slice(2);


// --- one field

class Box {
  constructor(field, options) {
    this.field = field;
    this.settings = options;
    this.isInput = field.localName === "input";
    this.hits = [];
    this.items = []; // the option of each hit
    this.active = -1;
    this.turn = 0;
    this.rejected = {}; // by id
    this.page = PAGE;
  }

  get options() {
    return { ...defaults, ...this.settings() };
  }

  label(name, number) {
    return (this.labels?.[name] ?? LABELS[name] ?? name).replace("{n}", number);
  }

  create(className, text, language) {
    const element = this.field.ownerDocument.createElement("div");
    element.className = className;
    if (language) element.lang = language;
    if (text !== undefined) element.dir = "auto";
    if (text) element.textContent = text;
    return element;
  }

  // --- in the page

  begin() {
    const { field } = this;
    if (this.box?.isConnected) return;
    this.remove();
    for (const box of live) if (!box.field.isConnected) box.remove();
    live.add(this);
    const { labels, portal, language } = this.options;
    const { ownerDocument } = field;
    const root = field.getRootNode();
    if (!sheets.has(ownerDocument)) {
      // A constructed sheet is not inline style, so a strict style-src of the page allows it.
      const sheet = new ownerDocument.defaultView.CSSStyleSheet();
      sheet.replaceSync(STYLE);
      sheets.set(ownerDocument, sheet);
    }
    const sheet = sheets.get(ownerDocument);
    if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];

    this.labels = parsed(labels);
    this.portal = new URL(portal.replace(/\/*$/, "/"), ownerDocument.baseURI);
    this.language = language || field.closest("[lang]")?.lang || ownerDocument.documentElement.lang;
    this.home = field.closest(LAYERS) || (root === ownerDocument ? root.body : root);
    const part = (role, className) =>
      Object.assign(this.create(className), {
        role,
        ariaLabel: this.label("list"),
        lang: this.labels ? this.language : "en",
      });
    const box = part("region", "askfirst");
    const list = part("listbox", "suggest-list");
    const status = part("status", "askfirst suggest-status");
    Object.assign(this, { box, list, status });
    list.id = `askfirst-${PAGE}-${(count += 1)}`;
    box.hidden = true;
    box.popover = "manual"; // above everything, whatever clips or covers it
    box.append(list);
    this.home.append(box, status);

    for (const kind of ["pointerdown", "mousedown", "click"]) {
      box.addEventListener(kind, (event) => {
        event.stopPropagation(); // the page would take it for a click outside of its dialog
        event.preventDefault(); // the focus stays in the field
        const option = kind === "click" && event.target.closest("[role=option]");
        if (option) this.choose(this.items.indexOf(option));
      });
    }

    this.away = new AbortController();
    field.form?.addEventListener("submit", () => this.submitted(), { signal: this.away.signal });
    this.before = [];
    this.set("aria-autocomplete", "list");
    this.set("aria-controls", this.list.id);
    if (!field.autocomplete) this.set("autocomplete", "off");
    if (this.isInput) this.set("role", "combobox"); // a textarea stays a text box
    this.expand(false);
  }

  set(name, value) {
    this.before.push([name, this.field.getAttribute(name)]);
    this.field.setAttribute(name, value);
  }

  remove() {
    if (!this.box) return;
    live.delete(this);
    this.close();
    this.request?.abort();
    this.away.abort();
    this.box.remove();
    this.status.remove();
    this.field.removeAttribute("aria-expanded");
    for (const [name, value] of this.before) {
      if (value === null) this.field.removeAttribute(name);
      else this.field.setAttribute(name, value);
    }
    this.box = null;
  }

  detach() {
    clearTimeout(this.askTimer);
    this.companion?.forget();
    this.turn += 1;
    this.remove();
    boxes.set(this.field, null);
  }

  // Follows the field in each frame while the list is open: scrolled, resized, moved or gone.
  place() {
    const { field, box, list } = this;
    if (!box || box.hidden) return;
    if (!field.isConnected) return this.remove();
    const { left, right, top, bottom, width } = field.getBoundingClientRect();
    if (!width) return this.close();
    const { clientWidth, clientHeight } = field.ownerDocument.documentElement;
    const below = clientHeight - bottom;
    const isAbove = this.companion?.isSendBelow(bottom) ? top > 240 : below < 200 && top > below;
    const wide = Math.min(Math.max(width, 320), clientWidth - 2 * GAP);
    const start = box.dir === "rtl" ? right - wide : left;
    Object.assign(box.style, {
      width: `${wide}px`,
      left: `${Math.max(GAP, Math.min(start, clientWidth - wide - GAP))}px`,
      top: isAbove ? "auto" : `${bottom + GAP}px`,
      bottom: isAbove ? `${clientHeight - top + GAP}px` : "auto",
    });
    list.style.maxHeight = `${Math.max(isAbove ? top : below, 120) - 2 * GAP}px`;
    requestAnimationFrame(() => this.place());
  }

  open() {
    if (!this.items.length || !this.box.hidden) return;
    this.box.dir = getComputedStyle(this.field).direction;
    this.companion?.paint(this.box);
    this.box.hidden = false;
    this.box.showPopover?.();
    this.expand(true);
    this.place();
  }

  close() {
    this.activate(-1);
    if (!this.box || this.box.hidden) return;
    if (this.box.isConnected) this.box.hidePopover?.();
    this.box.hidden = true;
    this.expand(false);
  }

  expand(isOpen) {
    if (this.isInput) this.field.ariaExpanded = isOpen;
  }

  // --- asking

  query() {
    return this.field.value.trim().slice(0, MAX_LENGTH);
  }

  schedule() {
    this.begin();
    this.company ??= Promise.race([this.invite(), new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
    clearTimeout(this.askTimer);
    this.request?.abort();
    this.turn += 1;
    const local = this.companion?.typed();
    if (local) this.show(local);
    this.askTimer = setTimeout(() => this.ask(), DEBOUNCE);
  }

  // Without a companion there are suggestions all the same, which open in another tab.
  async invite() {
    try {
      const { Companion } = await (this.options.companion?.() ??
        import(/* webpackIgnore: true */ /* @vite-ignore */ this.address("embed-companion.js")));
      this.companion = new Companion(this);
      await this.companion.ready;
    } catch {
      this.company = null; // asked again with the next key
    }
  }

  // In whatever order the network delivers answers, only the answer to the last question is shown. A list for the same
  // text, from a pack or before a pause at which the sentence encoder reads it, stays while it is in use or closed.
  async ask(settled = 0) {
    const query = this.query();
    const turn = (this.turn += 1);
    if (Array.from(query).length < MIN_LENGTH) return this.show();

    const { limit = 5, product = "", version = "" } = this.options;
    const facts = new URLSearchParams({ q: query, limit, product, version, language: this.language, visit: PAGE, settled });
    let reason = "";
    const answer = await this.get(`api/v1/suggest?${facts}`).catch((error) => (reason = error.message) && null);
    await this.company;

    if (turn !== this.turn || !this.box) return;
    if (!this.field.isConnected) return this.remove();
    const seen = JSON.stringify(answer, SEEN);
    const isIdle = !this.box.hidden && this.active < 0 && !this.list.matches(":hover");
    if (this.items.length && this.answered === query && !isIdle) return;
    if (settled && (!answer || seen === this.seen)) return;
    this.seen = seen;
    try {
      this.show(answer || this.companion?.local(query));
      if (!settled && answer) this.askTimer = setTimeout(() => this.ask(1), PAUSE);
    } catch (error) {
      reason = error.message; // JSON, but not that of a help centre
      this.show();
    }
    if (reason) this.dispatch("error", { reason, query });
  }

  async get(path, type = "application/json") {
    const request = (this.request = new AbortController());
    const timer = setTimeout(() => request.abort(new Error("timeout")), TIMEOUT);
    try {
      const { token } = this.options;
      const bearer = typeof token === "function" ? await token() : token;
      const headers = { Accept: type };
      if (bearer) headers.Authorization = `Bearer ${bearer}`;
      const response = await fetch(new URL(path, this.portal), { signal: request.signal, headers, credentials: "omit" });
      if (!response.ok) throw new Error(`status ${response.status}`);
      return await response.json();
    } finally {
      clearTimeout(timer);
    }
  }

  // --- telling

  dispatch(kind, detail) {
    this.field.dispatchEvent(new CustomEvent(`askfirst:${kind}`, { detail, bubbles: true, composed: true }));
  }

  submitted() {
    this.companion?.submitted();
  }

  // What was consulted, as text for the agent who gets the form of the page.
  trail() {
    return this.companion?.trail() ?? "";
  }

  address(url) {
    return new URL(url, this.portal).href;
  }

  detail({ id, title, kind, url }) {
    return { id, title, kind, url: this.address(url), query: this.answered };
  }

  // --- showing

  show(answer) {
    // What is broken at the moment comes first: it may be why somebody types this.
    const problems = (answer?.problems || []).map((problem) => ({
      ...problem,
      kind: "problem",
      passage: { text: problem.workaround || problem.symptoms },
    }));
    const hits = [...problems, ...(answer?.suggestions || [])];
    const isSilent = this.companion?.arm === "holdout"; // the experiment hides the list and counts what it would hold
    this.answered = answer ? this.query() : "";
    this.activate(-1);
    this.hits = isSilent ? [] : hits;
    this.items = this.hits.map((hit, index) => this.option(hit, index, answer.answer));
    this.list.replaceChildren(...this.items);
    this.list.dataset.answers = this.answered; // for tests: the query that the list answers
    const first = this.hits.findIndex((hit) => hit.tier === "perhaps");
    if (first > 0) {
      const divider = this.create("suggest-divider", this.label("perhaps"));
      divider.ariaHidden = true;
      this.items[first].before(divider);
    }

    const number = this.items.length;
    const isAnswered = this.list.querySelector(".suggest-answer");
    const said = [isAnswered && this.label("answer"), this.label(number ? "count" : "none", number)];
    this.status.textContent = answer && !isSilent ? said.filter(Boolean).join(" ") : "";
    if (!number) this.close();
    else if (this.field.getRootNode().activeElement === this.field) this.open();

    if (!answer?.generation || !hits.length) return; // what a pack holds is not the last word
    this.companion?.show(hits, answer.generation);
    if (number) this.dispatch("shown", { query: this.answered, suggestions: hits });
  }

  option(hit, index, answer) {
    const option = this.create("suggest-option");
    option.id = `${this.list.id}-${index}`;
    option.role = "option";
    option.ariaSelected = false;
    if (hit.tier) option.classList.add(`suggest-${hit.tier}`);
    if (this.rejected[hit.id]) option.classList.add("suggest-rejected");
    // The first one may answer what was typed: then it shows the whole answer, and opens at its place.
    if (answer?.document === hit.id) {
      option.classList.add("suggest-answer");
      Object.assign(hit, { url: answer.url, passage: answer });
    }
    const { kind, title, language, passage } = hit;
    const path = [[hit.product, ...(hit.versions || [])].join(" ").trim(), ...(hit.path || [])].filter(Boolean);
    option.append(this.create("suggest-kind", this.label(kind)), this.create("suggest-title", title, language));
    if (path.length) option.append(this.create("suggest-path", path.join(" › "), language));
    if (passage?.text) option.append(this.passage(passage, language));
    return option;
  }

  // Spans count characters (code points); a JavaScript string counts UTF-16 units.
  passage({ text, spans = [] }, language) {
    const target = this.create("suggest-text", "", language);
    const characters = Array.from(text);
    const cut = (start, end) => characters.slice(start, end).join("");
    let offset = 0;
    for (const [start, end] of spans) {
      const mark = target.ownerDocument.createElement("mark");
      mark.textContent = cut(start, end);
      target.append(cut(offset, start), mark);
      offset = end;
    }
    target.append(cut(offset));
    return target;
  }

  // --- choosing

  key(event) {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey || !this.box) return;
    const { field, items, active } = this;
    const { key } = event;
    const isOpen = !this.box.hidden;
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    // In a text of several lines the arrows move through the text; from its end they lead into the list.
    const isFar = !this.isInput && active < 0 && (step < 0 || !isOpen || field.selectionEnd < field.value.length);
    if (step && items.length && !isFar) {
      this.open();
      const from = active < 0 && step < 0 ? 0 : active;
      this.activate((from + step + items.length) % items.length);
    } else if (key === "Escape" && isOpen) this.close();
    else if (key === "Enter" && isOpen && active >= 0) this.choose(active);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  activate(index) {
    const option = this.items[index];
    if (this.items[this.active]) this.items[this.active].ariaSelected = false;
    this.active = index;
    if (!option) return this.field.removeAttribute("aria-activedescendant");
    option.ariaSelected = true;
    option.scrollIntoView({ block: "nearest" });
    this.field.setAttribute("aria-activedescendant", option.id);
  }

  choose(index) {
    const hit = this.hits[index];
    this.companion?.settle();
    this.close();
    if (this.companion) this.companion.read(hit);
    else open(this.address(hit.url), "_blank", "noopener");
    this.dispatch("opened", this.detail(hit));
  }
}

function parsed(labels) {
  try {
    return typeof labels === "string" ? JSON.parse(labels) : labels;
  } catch {
    console.warn("askfirst: labels is not JSON.");
    return null;
  }
}

// --- which fields

function optionsFor(field, path) {
  for (const element of path) {
    const rule = rules.find(([selector]) => element.matches?.(selector));
    if (rule) return rule[1];
  }
  const { id } = field;
  const named = id && field.getRootNode().querySelector(`askfirst-suggest[for="${CSS.escape(id)}"]`);
  const element = named || field.closest("askfirst-suggest:not([for])");
  return element && (() => Object.fromEntries(Array.from(element.attributes, ({ name, value }) => [name, value])));
}

function boxOf(path) {
  const [field] = path;
  if (!boxes.has(field)) {
    const options = field?.matches?.(FIELDS) && optionsFor(field, path);
    if (!options) return null;
    boxes.set(field, new Box(field, options));
  }
  return boxes.get(field);
}

function handle(event) {
  const { type, isComposing } = event;
  const box = !watched.has(event) && boxOf(event.composedPath());
  if (!box) return;
  watched.add(event);
  if (type === "focusin") {
    box.begin();
    if (box.answered === box.query()) box.open();
  } else if (type === "focusout") {
    box.companion?.settle();
    box.close();
  } else if (type === "keydown") box.key(event);
  else if (!isComposing) box.schedule();
}

function consider(root) {
  let element = root.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  const box = boxOf([element]);
  if (box?.query()) box.schedule();
  else box?.begin();
}

function watchFrame(frame) {
  if (frame?.contentDocument) watch(frame.contentDocument);
}

function watch(root) {
  if (watched.has(root)) return;
  watched.add(root);
  for (const kind of ["focusin", "focusout", "input", "compositionend", "keydown"]) {
    root.addEventListener(kind, handle, true);
  }
  root.addEventListener("load", (event) => watchFrame(event.target), true);
  for (const frame of root.querySelectorAll("iframe")) watchFrame(frame);
  root.defaultView?.addEventListener("blur", () => watchFrame(root.activeElement));
  consider(root);
}

function start() {
  watch(document);
  if (customElements.get("askfirst-suggest")) return;
  customElements.define(
    "askfirst-suggest",
    class extends HTMLElement {
      connectedCallback() {
        consider(this.getRootNode());
      }
    },
  );
}

// --- the interface

// Attaches one field; returns its box, with detach(), trail() and submitted().
export function attach(field, options = {}) {
  start();
  detach(field);
  const box = new Box(field, typeof options === "function" ? options : () => options);
  const root = field.getRootNode();
  boxes.set(field, box);
  watch(field.ownerDocument);
  if (root.mode === "closed") watch(root); // events do not say what happens in there
  if (root.activeElement === field) box.begin();
  return box;
}

export function detach(field) {
  boxes.get(field)?.detach();
  boxes.set(field, null);
}

// What all fields have in common, such as { portal: "https://help.example.com/" }.
export function configure(options) {
  defaults = { ...defaults, ...options };
}

const UNTIL = 5000; // ms after which a selector that fits nothing is reported

// A script tag: its data attributes are the options of the fields that it selects. An inline one, which holds up
// nothing of the page, has the address in `data-src`.
export function addTag({ dataset, src }) {
  const { input } = dataset;
  const selector = input || "[data-askfirst]";
  const portal = new URL(".", src || dataset.src).href;
  try {
    document.querySelector(selector);
  } catch {
    return console.warn(`askfirst: data-input="${selector}" is not a selector.`);
  }
  configure({ portal, ...defaults });
  rules.push([selector, () => ({ portal, ...dataset })]);
  start();
  consider(document);
  setTimeout(() => {
    if (input && !document.querySelector(selector)) console.warn(`askfirst: no field fits data-input="${selector}" so far.`);
  }, UNTIL);
}
