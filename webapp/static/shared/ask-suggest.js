// <ask-suggest src="..." mode="navigate|read|pick"> around a text input. "navigate" opens the chosen page; "read" keeps
// the list and dispatches "ask:open", so that the page shows the document; "pick" dispatches it and closes the list.
// With "silent" it asks and shows nothing; with credentials="omit", only public pages are suggested. Without JavaScript
// it is a plain input.

import { Suggestions } from "./combobox.js";

const HINTS = {
  read: "Use the arrow keys to choose and Enter to read.",
  pick: "Use the arrow keys to choose and Enter to add.",
};

class AskSuggest extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    if (!input || this.suggestions) return;

    const mode = this.getAttribute("mode");
    const reading = mode === "read";
    const inPage = reading || mode === "pick";
    const dispatch = (name, detail) => this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));

    this.suggestions = new Suggestions(input, {
      src: this.getAttribute("src"),
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
    this.suggestions?.ask();
  }

  clear() {
    this.suggestions?.show(null);
  }

  reject(id) {
    this.suggestions?.reject(id);
  }
}

customElements.define("ask-suggest", AskSuggest);
