// Small courtesies on every page: signing out forgets the typed draft, a filed ticket ends it, Escape closes the menu.

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

for (const form of document.querySelectorAll("form.reply")) {
  // A second press of "send" while the first is under way would only be answered with the same ticket.
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form.reply")) delete form.dataset.sent;
});
