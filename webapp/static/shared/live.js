// Keeps an open ticket's page current: asks every ten seconds whether its timeline changed. Also inserts canned
// replies. Without it, a reload shows the changes.

import { importBody, parseHtml } from "./html.js";

const INTERVAL = 10_000; // ms

const live = document.querySelector("[data-live]");
const status = document.querySelector("[data-live-status]");
const reply = document.getElementById("reply-body");
let etag = "";

async function refresh() {
  if (document.visibilityState !== "visible" || live.contains(document.activeElement)) return;

  const address = new URL(live.dataset.live, location.href);
  if (reply && reply.value.trim()) address.searchParams.set("answering", "1");

  try {
    const headers = etag ? { "If-None-Match": etag } : {};
    const response = await fetch(address, { headers, cache: "no-store" });
    if (response.status !== 200 || response.redirected) return; // unchanged, or the session has ended

    const countBefore = live.querySelectorAll(".event").length;
    etag = response.headers.get("ETag") || "";
    live.replaceChildren(...importBody(parseHtml(await response.text())));

    const events = live.querySelectorAll(".event");
    if (events.length > countBefore && status) {
      status.textContent = `New: ${events[events.length - 1].querySelector(".event-head").innerText}`;
    }
  } catch {
    // The network is away; the next refresh may succeed.
  }
}

if (live) {
  setInterval(refresh, INTERVAL);
  document.addEventListener("visibilitychange", refresh);
}

const cannedReplies = document.querySelector("form[data-canned]");
cannedReplies?.addEventListener("submit", (event) => {
  const words = cannedReplies.querySelector("option:checked")?.dataset.words;
  if (!words || !reply) return;
  event.preventDefault();
  reply.setRangeText(words, reply.selectionStart, reply.selectionEnd, "end");
  reply.focus();
});
