// On every page: signing out and filing a ticket delete the draft, Escape closes the menu, / goes to the search field,
// and a reply is sent once.

import { forget } from "./draft.js";

document.querySelector("form[data-forget-draft]")?.addEventListener("submit", forget);
if (document.querySelector("[data-filed]")) forget();

document.addEventListener("keydown", (event) => {
  const menu = document.querySelector("details.menu[open]");
  if (event.key === "Escape" && menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// A shortcut of one character must be possible to turn off (WCAG 2.1.4). Without storage it stays on.
const shortcut = document.querySelector("[data-shortcut]");
const STORED = "askfirst.shortcut";
try {
  shortcut.checked = localStorage.getItem(STORED) !== "off";
} catch {
  shortcut.checked = true;
}
shortcut.closest("label").hidden = false;
shortcut.addEventListener("change", () => {
  try {
    localStorage.setItem(STORED, shortcut.checked ? "on" : "off");
  } catch {}
});

const TYPED_IN = "input, textarea, select, [contenteditable], dialog";
document.addEventListener("keydown", (event) => {
  const isPlain = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing;
  const field = document.querySelector('[role="search"] input[type="search"]');
  if (!isPlain || !shortcut.checked || !field || event.target.closest(TYPED_IN)) return;
  event.preventDefault();
  field.focus();
  field.select();
});

// While an experiment mixes the results of two rankings, what somebody opens says which one is better.
const mixed = document.querySelector("[data-mixed]");
for (const press of ["click", "auxclick"]) {
  mixed?.addEventListener(press, (event) => {
    const path = event.target.closest("a")?.pathname;
    if (!path?.includes("/help/")) return;
    const id = decodeURIComponent(path.slice(path.indexOf("/help/") + "/help/".length));
    const body = new URLSearchParams({ q: mixed.dataset.mixed, id });
    fetch(mixed.dataset.opened, { method: "POST", body, keepalive: true }).catch(() => {});
  });
}

// A second press of "Send" during the first request would only be answered with the same ticket, and a code of a second
// factor works once.
const ONCE = "form.reply, form[data-once]";
for (const form of document.querySelectorAll(ONCE)) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll(ONCE)) delete form.dataset.sent;
});
