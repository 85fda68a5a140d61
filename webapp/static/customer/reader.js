// The panel in which a suggested document is read while the ticket form stays open behind it. The server sends
// sanitised HTML.

import { importBody, parseHtml } from "../shared/html.js";

const TIMEOUT = 8000; // ms

function documentNodes(html) {
  const page = parseHtml(html);

  // A click on a link in the document must not close the form.
  for (const link of page.querySelectorAll("a[href]")) {
    link.target = "_blank";
    link.rel = "noopener";
  }

  // The document's ids must not collide with the form's.
  for (const element of page.querySelectorAll("[id]")) element.removeAttribute("id");
  return importBody(page);
}

export class Reader {
  // Callbacks: solved(hit), rejected(hit) and closed(hit, milliseconds).
  constructor(dialog, callbacks) {
    this.dialog = dialog;
    this.callbacks = callbacks;
    this.body = dialog.querySelector("[data-body]");
    this.title = dialog.querySelector("h2");

    for (const outcome of ["close", "solved", "rejected"]) {
      dialog.querySelector(`[data-${outcome}]`).addEventListener("click", () => dialog.close(outcome));
    }
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close("close"); // the backdrop
    });

    dialog.addEventListener("close", () => this.finish());
    window.addEventListener("pagehide", () => this.stopClock());
  }

  async open(hit, opener) {
    this.finish(); // the reading before: its close event may still be on its way
    this.hit = hit;
    this.openedAt = performance.now();

    this.title.textContent = hit.title;
    this.dialog.querySelector("[data-full]").href = hit.url;
    this.body.replaceChildren(document.createTextNode("Loading …"));
    this.dialog.returnValue = "";

    opener.focus(); // when the dialog closes, the browser returns the focus to where it was
    this.dialog.showModal();
    this.title.focus();

    const address = new URL(hit.url, location.href);
    address.hash = "";
    address.searchParams.set("fragment", "1");
    let nodes;
    try {
      const response = await fetch(address, { credentials: "same-origin", signal: AbortSignal.timeout(TIMEOUT) });
      if (!response.ok) throw new Error(String(response.status));
      nodes = documentNodes(await response.text());
    } catch {
      nodes = [document.createTextNode("This page could not be loaded. Open it in a new tab instead.")];
    }

    if (this.hit === hit) this.body.replaceChildren(...nodes);
    this.body.scrollTop = 0;
  }

  stopClock() {
    if (!this.hit) return;
    const hit = this.hit;
    this.hit = null;
    this.callbacks.closed(hit, Math.round(performance.now() - this.openedAt));
  }

  // The close event comes after the dialog has closed and the focus is back. By then somebody who is quick is in
  // another field, or reads the next document: nothing here may move the focus or end what is open.
  finish() {
    if (this.dialog.open || !this.hit) return;
    const hit = this.hit;
    this.stopClock();
    if (this.dialog.returnValue === "solved") this.callbacks.solved(hit);
    if (this.dialog.returnValue === "rejected") this.callbacks.rejected(hit);
  }
}
