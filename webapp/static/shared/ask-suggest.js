// <ask-suggest src="..." mode="navigate|read"> around a text input: navigate goes to what is chosen, read tells the
// page with an "ask:open" event and keeps the list. Without JavaScript the input is what it was.

import { Suggestions } from "./combobox.js";

class AskSuggest extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    if (!input || this.suggestions) return;
    const reads = this.getAttribute("mode") === "read";
    const tell = (name, detail) => this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
    this.suggestions = new Suggestions(input, {
      src: this.getAttribute("src"),
      limit: reads ? 5 : 7,
      host: this,
      stay: reads,
      holdEnter: reads,
      hint: reads ? "Arrow keys to choose, Enter to read one here." : "",
      choose: (hit, index) => (reads ? tell("ask:open", { hit, index }) : location.assign(hit.url)),
      shown: (answer) => tell("ask:shown", { answer }),
      settled: (query) => tell("ask:settled", { query }),
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
