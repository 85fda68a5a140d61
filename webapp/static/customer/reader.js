// The side panel in which a suggested document is read while the ticket form waits behind it.
// The server sends sanitised HTML.

import { parsed as read } from "../shared/html.js";

function parsed(html) {
  const page = read(html);
  for (const link of page.querySelectorAll("a[href]")) {
    // The form must survive a click on a link in the article.
    link.target = "_blank";
    link.rel = "noopener";
  }
  for (const named of page.querySelectorAll("[id]")) named.removeAttribute("id"); // never collide with the form's ids
  return [...page.body.childNodes].map((node) => document.importNode(node, true));
}

export class Reader {
  // told: { solved(hit), rejected(hit), closed(hit, milliseconds) }
  constructor(dialog, told) {
    this.dialog = dialog;
    this.told = told;
    this.body = dialog.querySelector("[data-body]");
    this.title = dialog.querySelector("h2");
    dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close("closed"));
    dialog.querySelector("[data-solved]").addEventListener("click", () => dialog.close("solved"));
    dialog.querySelector("[data-rejected]").addEventListener("click", () => dialog.close("rejected"));
    dialog.addEventListener("close", () => this.ended());
    window.addEventListener("pagehide", () => this.left());
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close("closed"); // the backdrop
    });
  }

  async open(hit, from) {
    this.ended(); // the reading before: its close event may still be on its way
    this.hit = hit;
    this.since = performance.now();
    this.title.textContent = hit.title;
    this.dialog.querySelector("[data-full]").href = hit.url;
    this.body.replaceChildren(document.createTextNode("One moment …"));
    this.dialog.returnValue = "";
    from.focus(); // when the dialog closes, the browser returns the focus to where it was
    this.dialog.showModal();
    this.title.focus();
    const address = new URL(hit.url, location.href);
    address.hash = "";
    address.searchParams.set("fragment", "1");
    try {
      const response = await fetch(address, { credentials: "same-origin", signal: AbortSignal.timeout(8000) });
      if (!response.ok) throw new Error(String(response.status));
      const nodes = parsed(await response.text());
      if (this.hit === hit) this.body.replaceChildren(...nodes);
      this.body.scrollTop = 0;
    } catch {
      if (this.hit === hit) this.body.replaceChildren(document.createTextNode("It cannot be shown here just now; open it as a page instead."));
    }
  }

  left() {
    if (!this.hit) return;
    const hit = this.hit;
    this.hit = null;
    this.told.closed(hit, Math.round(performance.now() - this.since));
  }

  // The close event comes after the dialog has closed and the focus is back. By then somebody who is quick is in
  // another field, or reads the next document: nothing here may move the focus or end what is open.
  ended() {
    if (this.dialog.open || !this.hit) return;
    const hit = this.hit;
    this.left();
    if (this.dialog.returnValue === "solved") this.told.solved(hit);
    if (this.dialog.returnValue === "rejected") this.told.rejected(hit);
  }
}
