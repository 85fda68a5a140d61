// <ask-suggest src="..." mode="navigate|read|pick"> around a text input. "navigate" opens the chosen page; "read" keeps
// the list and dispatches "ask:open", so that the page shows the document; "pick" dispatches it and closes the list.
// With search="...", the address of the results page, a link leads there. With "silent" it asks and shows nothing; with
// credentials="omit", only public pages are suggested. Without JavaScript it is a plain input.

import { Suggestions } from "./combobox.js";

const HINTS = {
  read: "Use the arrow keys to choose and Enter to read.",
  pick: "Use the arrow keys to choose and Enter to add.",
};

const PAUSE = 450; // ms without a key before a text is read as a whole

// While somebody types, answers must be quick. At a pause, the text is sent again, and the sentence encoder reads it.
// The list stays if somebody is choosing from it, or if there is no better answer.
class PausingSuggestions extends Suggestions {
  schedule() {
    super.schedule();
    this.pauses = false;
    clearTimeout(this.pauseTimer);
    this.pauseTimer = setTimeout(() => this.pause(), PAUSE);
  }

  pause() {
    clearTimeout(this.askTimer);
    clearTimeout(this.pauseTimer);
    this.pauses = true;
    return this.ask();
  }

  question(query, signal) {
    const [address, options] = super.question(query, signal);
    return [this.pauses ? `${address}&settled=1` : address, options];
  }

  show(answer) {
    const isChoosing = !this.list.hidden && (this.active >= 0 || this.list.matches(":hover"));
    const isSameQuery = this.answeredQuery !== "" && this.answeredQuery === this.query();
    if (this.pauses && isSameQuery && (isChoosing || !answer || contents(answer) === contents(this.full))) return;
    this.full = answer;
    super.show(answer);
  }
}

// The part of an answer that people see.
function contents(answer) {
  const { suggestions = [], problems = [], answer: quoted } = answer || {};
  const places = suggestions.map((hit) => [hit.url, hit.tier, hit.passage?.text]);
  return JSON.stringify([places, problems.map((problem) => problem.id), quoted?.text]);
}

class AskSuggest extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    if (!input || this.suggestions) return;

    const mode = this.getAttribute("mode");
    const reading = mode === "read";
    const inPage = reading || mode === "pick";
    const dispatch = (name, detail) => this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));

    this.suggestions = new PausingSuggestions(input, {
      src: this.getAttribute("src"),
      search: this.getAttribute("search"),
      limit: reading ? 5 : 7,
      host: this,
      stay: reading,
      holdEnter: inPage,
      credentials: this.getAttribute("credentials"),
      post: true,
      hint: HINTS[mode] || "",
      choose: (hit, index) => {
        if (!inPage) location.assign(hit.url);
        else if (hit.kind === "problem") window.open(hit.url, "_blank", "noopener");
        else dispatch("ask:open", { hit, index });
      },
      shown: (answer) => dispatch("ask:shown", { answer }),
      settled: (query, count) => dispatch("ask:settled", { query, count }),
      silent: () => this.hasAttribute("silent"),
    });
  }

  refresh() {
    this.suggestions?.pause();
  }

  clear() {
    this.suggestions?.show(null);
  }

  reject(id) {
    this.suggestions?.reject(id);
  }
}

customElements.define("ask-suggest", AskSuggest);
