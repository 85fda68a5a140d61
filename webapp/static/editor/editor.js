// Follows a run of the index on the editor's page: asks every second while one is open, and shows the page anew when a
// publish has ended. Looks for changes by itself when what waits is not known. Without it a reload shows how far it is.

import { parsed } from "../shared/html.js";

const EVERY = 1000;
const run = document.querySelector("[data-run]");
const told = document.querySelector("[data-run-status]");
let stage = "";
let publishing = run?.dataset.kind === "publish";

function say(words) {
  if (words && words !== stage) told.textContent = stage = words;
}

async function look() {
  let answer;
  try {
    answer = await fetch(run.dataset.run, { cache: "no-store" });
  } catch {
    return setTimeout(look, 5 * EVERY); // the network is away
  }
  if (answer.status !== 200 || answer.redirected) return location.reload(); // the session has ended
  const ended = answer.headers.get("X-Run") === "ended";
  if (ended && publishing) return location.reload(); // everything on the page is about another generation now
  const page = parsed(await answer.text());
  const outcome = page.querySelector("[data-run-outcome]")?.textContent.trim();
  page.querySelector("[data-run-outcome]")?.removeAttribute("role"); // it is said once, below
  const held = run.contains(document.activeElement);
  run.replaceChildren(...[...page.body.childNodes].map((node) => document.importNode(node, true)));
  if (held) document.getElementById("publish-title").focus();
  if (ended) say(outcome);
  else {
    say(page.querySelector("[data-run-stage]")?.textContent.split(":")[0]);
    setTimeout(look, EVERY);
  }
}

async function begin(form) {
  publishing = form.elements.kind.value === "publish";
  const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
  if (answer.ok) look();
}

if (run) {
  if (run.dataset.open) look();
  else if (run.dataset.look) begin(run.querySelector("[data-look-form]")).catch(() => {});
}
