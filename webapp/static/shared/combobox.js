// Suggestions for one text input: asks while somebody types, shows a list, never stands in the way of the form.
// Pattern: WAI-ARIA APG combobox with a listbox; the focus stays in the input. Text goes in as text nodes only.
// Also served inside /embed.js, so it imports nothing and touches nothing but the input and what it creates.

const DEBOUNCE = 120; // ms without a key before we ask
const PATIENCE = 4000; // ms before an answer is given up
const SETTLED = 2000; // ms without a key after which the query counts as meant
const SHORTEST = 3; // characters
const KINDS = { doc: "Guide", faq: "FAQ", forum: "Forum" };
let made = 0;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

// Spans count characters (code points); a JavaScript string counts UTF-16 units.
function highlighted(target, passage) {
  const letters = Array.from(passage.text);
  let at = 0;
  for (const [start, end] of passage.spans || []) {
    if (start < at || end < start || end > letters.length) continue;
    target.append(letters.slice(at, start).join(""), element("mark", "", letters.slice(start, end).join("")));
    at = end;
  }
  target.append(letters.slice(at).join(""));
  return target;
}

export class Suggestions {
  // options: src (address of the route), limit, host (where the list goes), stay (the list stays when focus leaves),
  // holdEnter (Enter does not send the form),
  // choose(hit), shown(answer), settled(query)
  constructor(input, options) {
    this.input = input;
    this.options = options;
    this.hits = [];
    this.active = -1;
    this.asked = "";
    this.rejected = new Set();
    this.build();
    this.listen();
  }

  build() {
    const id = `suggest-${(made += 1)}`;
    this.list = element("ul", "suggest-list");
    this.list.id = id;
    this.list.hidden = true;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "Suggestions");
    this.status = element("p", "suggest-status");
    this.status.setAttribute("role", "status");
    this.status.setAttribute("aria-live", "polite");
    this.options.host.append(this.list, this.status);
    const roles = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id, autocomplete: "off" };
    for (const [name, value] of Object.entries(roles)) this.input.setAttribute(name, value);
  }

  listen() {
    this.input.addEventListener("input", (event) => {
      if (!event.isComposing) this.later();
    });
    this.input.addEventListener("compositionend", () => this.later());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => {
      this.settle();
      if (!this.options.stay) this.close();
    });
    this.input.addEventListener("focus", () => {
      if (this.hits.length && this.asked === this.query()) this.open();
    });
    // The focus must stay in the input, so the list takes clicks without taking focus.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.choose(Number(option.dataset.index));
    });
  }

  query() {
    return this.input.value.trim().slice(0, 256);
  }

  later() {
    clearTimeout(this.timer);
    clearTimeout(this.settling);
    this.request?.abort();
    this.timer = setTimeout(() => this.ask(), DEBOUNCE);
    this.settling = setTimeout(() => this.settle(), SETTLED);
  }

  async ask() {
    const query = this.query();
    if (Array.from(query).length < SHORTEST) return this.show(null);
    const request = (this.request = new AbortController());
    const patience = setTimeout(() => request.abort(), PATIENCE);
    try {
      const address = `${this.options.src}?${new URLSearchParams({ q: query, limit: this.options.limit || 5 })}`;
      const response = await fetch(address, { signal: request.signal, headers: { Accept: "application/json" }, credentials: this.options.credentials || "same-origin" });
      if (!response.ok) throw new Error(String(response.status));
      const answer = await response.json();
      // An answer to what is no longer typed is dropped, whatever order the network delivers in.
      if (request === this.request && query === this.query()) this.show(answer);
    } catch {
      if (request === this.request && query === this.query()) this.show(null); // slow, offline, limited: the form works without us
    } finally {
      clearTimeout(patience);
    }
  }

  show(answer) {
    this.hits = answer?.suggestions || [];
    this.list.dataset.answers = this.asked = answer ? this.query() : ""; // the text that the list is about
    this.active = -1;
    this.input.removeAttribute("aria-activedescendant");
    this.list.replaceChildren(...this.hits.map((hit, index) => this.option(hit, index)));
    if (!this.hits.length) {
      this.close();
      this.status.textContent = answer ? "No suggestions." : "";
      return;
    }
    if (this.options.stay || document.activeElement === this.input) this.open();
    const count = this.hits.length;
    this.status.textContent = `${count} suggestion${count === 1 ? "" : "s"}. ${this.options.hint || "Arrow keys to choose, Enter to open."}`;
    this.options.shown?.(answer);
  }

  option(hit, index) {
    const option = element("li", "suggest-option");
    option.id = `${this.list.id}-${index}`;
    option.dataset.index = index;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    if (this.rejected.has(hit.id)) option.classList.add("suggest-rejected");
    option.append(element("span", "suggest-kind", KINDS[hit.kind] || hit.kind), element("span", "suggest-title", hit.title));
    if (hit.passage?.text) option.append(highlighted(element("span", "suggest-text"), hit.passage));
    return option;
  }

  reject(id) {
    this.rejected.add(id);
    this.hits.forEach((hit, index) => {
      if (hit.id === id) this.list.children[index]?.classList.add("suggest-rejected");
    });
  }

  key(event) {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    const open = !this.list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!this.hits.length) return;
      event.preventDefault();
      this.open();
      const count = this.hits.length;
      if (event.key === "ArrowDown") this.move((this.active + 1) % count);
      else this.move(this.active <= 0 ? count - 1 : this.active - 1);
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    } else if (event.key === "Enter") {
      this.settle();
      if (open && this.active >= 0) {
        event.preventDefault();
        this.choose(this.active);
      } else if (this.options.holdEnter) event.preventDefault(); // Enter in a title is not "file it"
    }
  }

  move(index) {
    this.list.children[this.active]?.setAttribute("aria-selected", "false");
    this.active = index;
    const option = this.list.children[index];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", option.id);
  }

  choose(index) {
    const hit = this.hits[index];
    if (!hit) return;
    this.settle();
    this.options.choose(hit, index);
  }

  settle() {
    clearTimeout(this.settling);
    const query = this.query();
    if (query && query !== this.meant) {
      this.meant = query;
      this.options.settled?.(query);
    }
  }

  open() {
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
  }

  close() {
    this.list.hidden = true;
    this.active = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    for (const option of this.list.children) option.setAttribute("aria-selected", "false");
  }
}
