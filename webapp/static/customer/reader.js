// The panel in which a suggested document is read while the ticket form stays open behind it, at the passage that was
// suggested. The server sends sanitised HTML.

import { importBody, parseHtml } from "../shared/html.js";

const TIMEOUT = 8000; // ms

const ID_PREFIX = "reader-"; // the document's ids must not collide with the form's
const CUT = /^… | … | …$/; // where an excerpt was cut, or leaves something out

// The text nodes of ``root`` with their characters but white space, which blocks and excerpts differ in.
function textOf(root) {
  const places = [];
  let text = "";
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data } = walker.currentNode;
    for (let offset = 0; offset < data.length; offset += 1) {
      if (/\s/.test(data[offset])) continue;
      text += data[offset];
      places.push([walker.currentNode, offset]);
    }
  }
  return { text, places };
}

// Marks the passage in ``root`` and returns its first mark; nothing when it is not there word for word.
function markPassage(root, passage) {
  const parts = passage.split(CUT).map((part) => part.replace(/\s+/g, ""));
  const wanted = parts.reduce((longest, part) => (part.length > longest.length ? part : longest), "");
  const { text, places } = textOf(root);
  const start = wanted ? text.indexOf(wanted) : -1;
  if (start < 0) return null;

  const ends = new Map(); // text node -> the range in it
  for (const [node, offset] of places.slice(start, start + wanted.length)) {
    const range = ends.get(node);
    if (range) range[1] = offset + 1;
    else ends.set(node, [offset, offset + 1]);
  }

  let first = null;
  for (const [node, [from, to]] of ends) {
    const range = document.createRange();
    range.setStart(node, from);
    range.setEnd(node, to);
    const mark = document.createElement("mark");
    mark.className = "reader-passage";
    range.surroundContents(mark);
    first ??= mark;
  }
  return first;
}

function documentNodes(html) {
  const page = parseHtml(html);

  // A click on a link in the document must not close the form.
  for (const link of page.querySelectorAll("a[href]")) {
    link.target = "_blank";
    link.rel = "noopener";
  }

  for (const element of page.querySelectorAll("[id]")) element.id = ID_PREFIX + element.id;
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
    const anchor = decodeURIComponent(address.hash.slice(1));
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

    if (this.hit !== hit) return;
    this.body.replaceChildren(...nodes);
    this.body.scrollTop = 0;
    const place = this.body.querySelector(`#${CSS.escape(ID_PREFIX + anchor)}`);
    const mark = markPassage(this.body, hit.passage?.text || "");
    (mark || place)?.scrollIntoView({ block: mark ? "center" : "start" });
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
