// Keeps an open ticket's page current: asks every ten seconds whether its history differs, and puts canned replies in.
// Without it the page is as it was when it was loaded, and a reload shows the rest.

import { parsed } from "./html.js";

const EVERY = 10_000;
const live = document.querySelector("[data-live]");
const told = document.querySelector("[data-live-status]");
const reply = document.getElementById("reply-body");
let tag = "";

async function look() {
  if (document.visibilityState !== "visible" || live.contains(document.activeElement)) return;
  const address = new URL(live.dataset.live, location.href);
  if (reply && reply.value.trim()) address.searchParams.set("answering", "1");
  try {
    const answer = await fetch(address, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    if (answer.status !== 200 || answer.redirected) return; // the same, or the session has ended
    const known = live.querySelectorAll(".event").length;
    tag = answer.headers.get("ETag") || "";
    const page = parsed(await answer.text());
    live.replaceChildren(...[...page.body.childNodes].map((node) => document.importNode(node, true)));
    const events = live.querySelectorAll(".event");
    if (events.length > known && told) told.textContent = `New: ${events[events.length - 1].querySelector(".event-head").innerText}`;
  } catch {
    // The network is away; the next look may find it back.
  }
}

if (live) {
  setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);
}

const canned = document.querySelector("form[data-canned]");
canned?.addEventListener("submit", (event) => {
  const words = canned.querySelector("option:checked")?.dataset.words;
  if (!words || !reply) return;
  event.preventDefault();
  reply.setRangeText(words, reply.selectionStart, reply.selectionEnd, "end");
  reply.focus();
});
