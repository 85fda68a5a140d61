// On every page: signing out and filing a ticket delete the draft, Escape closes the menu, and a reply is sent once.

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
