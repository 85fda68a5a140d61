// <ask-suggest src="..." mode="navigate|read"> around a text input. "navigate" opens the chosen page; "read" keeps the
// list and dispatches "ask:open", so that the page shows the document. With "silent" it asks and shows nothing. Without
// JavaScript it is a plain input.

import { Suggestions } from "./combobox.js";

class AskSuggest extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    if (!input || this.suggestions) return;

    const reading = this.getAttribute("mode") === "read";
    const dispatch = (name, detail) => this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));

    this.suggestions = new Suggestions(input, {
      src: this.getAttribute("src"),
      limit: reading ? 5 : 7,
      host: this,
      stay: reading,
      holdEnter: reading,
      post: true,
      hint: reading ? "Use the arrow keys to choose and Enter to read." : "",
      choose: (hit, index) => {
        if (!reading) location.assign(hit.url);
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

  reject(id) {
    this.suggestions?.reject(id);
  }
}

customElements.define("ask-suggest", AskSuggest);
