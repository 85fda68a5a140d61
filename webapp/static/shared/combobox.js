// Suggestions for one text input: asks while somebody types and shows a list. The form works without it.
//
// Pattern: the combobox with a listbox of the WAI-ARIA Authoring Practices; the focus stays in the input. Text enters
// the page as text nodes only; nothing is touched but the input and the elements that are created here.

const DEBOUNCE = 120; // ms without a key before a request
const TIMEOUT = 4000; // ms before a request is given up
const SETTLED = 2000; // ms without a key after which the query counts as meant
const MIN_LENGTH = 3; // characters
const MAX_LENGTH = 256; // characters in an address; a longer text, such as a pasted log, is posted where allowed
const MAX_TEXT = 200_000; // characters that are posted; of a longer text, its beginning and its end
const KIND_TITLES = { doc: "Guide", faq: "FAQ", forum: "Forum", problem: "Known problem" };

let instances = 0;

function createElement(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

// What of a text is asked about: of a pasted log of megabytes, its beginning and its end.
export function bothEnds(text) {
  if (text.length <= MAX_TEXT) return text;
  return `${text.slice(0, MAX_TEXT / 2)}\n${text.slice(-MAX_TEXT / 2)}`;
}

// The text of ``element`` is in ``language``; its first letter tells the direction.
function written(element, language) {
  if (language) element.lang = language;
  element.dir = "auto";
  return element;
}

// Spans count characters (code points); a JavaScript string counts UTF-16 units.
function appendHighlighted(target, passage) {
  const characters = Array.from(passage.text);
  let offset = 0;

  for (const [start, end] of passage.spans || []) {
    if (start < offset || end < start || end > characters.length) continue;
    const mark = createElement("mark", "", characters.slice(start, end).join(""));
    target.append(characters.slice(offset, start).join(""), mark);
    offset = end;
  }

  target.append(characters.slice(offset).join(""));
  return target;
}

// Documents that say almost the same as a suggestion. They open by a click; options must not hold links.
function otherEditions(others) {
  const line = createElement("span", "suggest-also", "Also in: ");
  others.forEach((other, position) => {
    const title = other.version ? `Version ${other.version}` : other.product || other.title;
    const edition = createElement("span", "", title);
    edition.dataset.other = position;
    line.append(position ? ", " : "", edition);
  });
  return line;
}

export class Suggestions {
  // Options: src (address of the API), limit, host (where the list goes), stay (the list stays when the focus leaves),
  // holdEnter (Enter does not submit the form), post (long texts may be posted), hint, credentials, and the callbacks
  // choose(hit, index), shown(answer) and settled(query, count): how many hits there are for it, if that is known.
  // With search, the address of the results page, a link to all results for what was typed is shown.
  // With silent, a function, nothing is shown while it returns true. The first answer waits for the promise of ready().
  constructor(input, options) {
    this.input = input;
    this.options = options;
    this.hits = [];
    this.items = []; // the option of each hit
    this.active = -1;
    this.answeredQuery = "";
    this.isDismissed = false; // by Escape, until somebody types or opens the list again
    this.rejected = new Set();
    this.build();
    this.listen();
    // What somebody typed before this script ran is asked about, too.
    if (document.activeElement === input && input.value !== input.defaultValue) this.schedule();
  }

  build() {
    const id = `suggest-${(instances += 1)}`;

    this.list = createElement("ul", "suggest-list");
    this.list.id = id;
    this.list.hidden = true;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "Suggestions");

    this.status = createElement("p", "suggest-status");
    this.status.setAttribute("role", "status");
    this.status.setAttribute("aria-live", "polite");
    this.options.host.append(this.list, this.status);
    if (this.options.search) {
      this.results = createElement("a", "suggest-results", "Show all results for this title");
      this.results.append(createElement("span", "suggest-unseen", " (opens in a new tab)"));
      Object.assign(this.results, { target: "_blank", rel: "noopener", hidden: true });
      this.options.host.append(this.results);
    }

    const attributes = {
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": id,
      autocomplete: "off",
    };
    for (const [name, value] of Object.entries(attributes)) this.input.setAttribute(name, value);
  }

  listen() {
    this.input.addEventListener("input", (event) => {
      if (!event.isComposing) this.schedule();
    });
    this.input.addEventListener("compositionend", () => this.schedule());
    this.input.addEventListener("keydown", (event) => this.handleKey(event));

    this.input.addEventListener("blur", () => {
      this.settle();
      if (!this.options.stay) this.close();
    });
    this.input.addEventListener("focus", () => {
      if (this.items.length && this.answeredQuery === this.query()) this.open();
    });

    // The focus must stay in the input, so the list takes clicks without taking the focus.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      const other = event.target.closest("[data-other]")?.dataset.other;
      if (option) this.choose(Number(option.dataset.index), other);
    });
  }

  query() {
    const text = this.input.value.trim();
    return this.options.post ? text : text.slice(0, MAX_LENGTH);
  }

  // --- asking

  schedule() {
    this.isDismissed = false;
    clearTimeout(this.askTimer);
    clearTimeout(this.settleTimer);
    this.request?.abort();
    this.askTimer = setTimeout(() => this.ask(), DEBOUNCE);
    this.settleTimer = setTimeout(() => this.settle(), SETTLED);
  }

  async ask() {
    const query = this.query();
    if (Array.from(query).length < MIN_LENGTH) return this.show(null);

    const request = (this.request = new AbortController());
    const timeout = setTimeout(() => request.abort(), TIMEOUT);
    let answer = null;

    try {
      const response = await fetch(...this.question(query, request.signal));
      if (response.ok) answer = await response.json();
    } catch {
      // Slow, offline or aborted: no suggestions then.
    } finally {
      clearTimeout(timeout);
    }

    await this.options.ready?.();
    // An answer to a query that is no longer in the input is dropped, in whatever order the network delivers. An answer
    // to an earlier request for the same query is shown only if no other answer to this query is shown yet.
    const isLast = request === this.request;
    if (query === this.query() && (isLast || (answer && query !== this.answeredQuery))) this.show(answer);
  }

  question(query, signal) {
    const limit = this.options.limit || 5;
    const options = {
      signal,
      headers: { Accept: "application/json" },
      credentials: this.options.credentials || "same-origin",
    };
    if (query.length <= MAX_LENGTH) {
      return [`${this.options.src}?${new URLSearchParams({ q: query, limit })}`, options];
    }
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify({ q: bothEnds(query) });
    return [`${this.options.src}?limit=${limit}`, options];
  }

  settle() {
    clearTimeout(this.settleTimer);
    const query = this.query();
    if (query && query !== this.settledQuery) {
      this.settledQuery = query;
      this.options.settled?.(query, query === this.answeredQuery ? this.hits.length : null);
    }
  }

  // --- showing

  show(answer) {
    // What is broken at the moment comes first: it may be why somebody types this.
    const problems = (answer?.problems || []).map((problem) => ({
      ...problem,
      kind: "problem",
      passage: { text: problem.workaround || problem.symptoms },
    }));
    this.hits = [...problems, ...(answer?.suggestions || [])];
    this.answer = answer?.answer;
    this.answeredQuery = answer ? this.query() : "";
    this.active = -1;

    this.list.dataset.answers = this.answeredQuery; // for tests: the query that the list answers
    this.items = this.hits.map((hit, index) => this.option(hit, index));
    this.list.replaceChildren(...this.items);
    this.divide();
    this.input.removeAttribute("aria-activedescendant");

    const count = this.hits.length;
    if (this.options.silent?.()) {
      this.items = [];
      this.list.replaceChildren();
      if (count) this.options.shown?.(answer);
      return;
    }
    this.linkResults(answer);
    const lookedFor = answer?.looked_for ? `Looking for “${answer.looked_for}”. ` : "";
    if (!count) {
      this.close();
      this.status.textContent = answer ? `${lookedFor}No suggestions.` : "";
      return;
    }

    if (!this.isDismissed && (this.options.stay || document.activeElement === this.input)) this.open();
    const answered = this.list.querySelector(".suggest-answer") ? "The first one shows the answer. " : "";
    const hint = this.options.hint || "Use the arrow keys to choose and Enter to open.";
    this.status.textContent = `${lookedFor}${count} suggestion${count === 1 ? "" : "s"}. ${answered}${hint}`;
    this.options.shown?.(answer);
  }

  // Suggestions are withheld unless they are likely to help; the results page lists what else there is.
  linkResults(answer) {
    if (!this.results) return;
    const words = answer?.looked_for || this.query().slice(0, MAX_LENGTH);
    this.results.hidden = !answer;
    // A title has no operators; the address says so only where the results could differ.
    const plain = /[-":]/.test(words) ? { operators: "0" } : {};
    this.results.href = `${this.options.search}?${new URLSearchParams({ q: words, ...plain })}`;
  }

  // A quiet heading above the suggestions that are less certain; they follow the others.
  divide() {
    const first = this.hits.findIndex((hit) => hit.tier === "perhaps");
    if (first < 0) return;
    const heading = createElement("li", "suggest-divider", first ? "Perhaps also" : "Perhaps one of these");
    heading.setAttribute("role", "none");
    heading.setAttribute("aria-hidden", "true"); // each option says it itself
    this.items[first].before(heading);
  }

  option(hit, index) {
    const option = createElement("li", "suggest-option");
    option.id = `${this.list.id}-${index}`;
    option.dataset.index = index;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    if (this.rejected.has(hit.id)) option.classList.add("suggest-rejected");
    if (hit.tier === "perhaps") {
      option.classList.add("suggest-perhaps");
      option.append(createElement("span", "suggest-unseen", "Perhaps: "));
    }

    // The first one may answer what was typed: then it shows the whole answer, and opens at its place.
    const answer = this.answer?.document === hit.id ? this.answer : null;
    if (hit.kind === "problem") option.classList.add("suggest-problem");
    if (answer) {
      option.classList.add("suggest-answer");
      hit.url = answer.url;
      hit.passage = answer;
    }

    option.append(
      createElement("span", "suggest-kind", KIND_TITLES[hit.kind] || hit.kind),
      written(createElement("span", "suggest-title", hit.title), hit.language),
    );
    const path = [[hit.product, ...(hit.versions || [])].join(" ").trim(), ...(hit.path || [])].filter(Boolean);
    if (path.length) option.append(written(createElement("span", "suggest-path", path.join(" › ")), hit.language));
    if (hit.passage?.text) {
      option.append(written(appendHighlighted(createElement("span", "suggest-text"), hit.passage), hit.language));
    }
    if (hit.also?.length) option.append(otherEditions(hit.also));
    return option;
  }

  reject(id) {
    this.rejected.add(id);
    this.hits.forEach((hit, index) => {
      if (hit.id === id) this.items[index]?.classList.add("suggest-rejected");
    });
  }

  open() {
    this.isDismissed = false;
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
  }

  close() {
    this.list.hidden = true;
    this.active = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    for (const option of this.items) option.setAttribute("aria-selected", "false");
  }

  // --- choosing

  handleKey(event) {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    const isOpen = !this.list.hidden;

    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!this.items.length) return;
      event.preventDefault();
      this.open();
      const count = this.items.length;
      if (event.key === "ArrowDown") this.activate((this.active + 1) % count);
      else this.activate(this.active <= 0 ? count - 1 : this.active - 1);
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      event.stopPropagation();
      this.isDismissed = true;
      this.close();
    } else if (event.key === "Enter") {
      this.settle();
      if (isOpen && this.active >= 0) {
        event.preventDefault();
        this.choose(this.active);
      } else if (this.options.holdEnter) {
        event.preventDefault(); // Enter in a title must not file the ticket
      }
    }
  }

  activate(index) {
    this.items[this.active]?.setAttribute("aria-selected", "false");
    this.active = index;

    const option = this.items[index];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", option.id);
  }

  // `other` is the position among the documents that say almost the same.
  choose(index, other) {
    const hit = this.hits[index];
    if (!hit) return;
    this.settle();
    this.options.choose(other ? { ...hit, ...hit.also[other], passage: null } : hit, index);
  }
}
