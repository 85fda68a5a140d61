// Follows a run of the index on the editor's page: asks every second while one is in progress, and reloads the page
// after a publish. Starts a check for changes when the unpublished changes are not known. Without it, a reload shows
// the progress.

import { importBody, parseHtml } from "../shared/html.js";

const INTERVAL = 1000; // ms

const run = document.querySelector("[data-run]");
const status = document.querySelector("[data-run-status]");
let announced = "";
let publishing = run?.dataset.kind === "publish";

function announce(words) {
  if (words && words !== announced) status.textContent = announced = words;
}

async function follow() {
  let response;
  try {
    response = await fetch(run.dataset.run, { cache: "no-store" });
  } catch {
    return setTimeout(follow, 5 * INTERVAL); // the network is away
  }
  if (response.status !== 200 || response.redirected) return location.reload(); // the session has ended

  const ended = response.headers.get("X-Run") === "ended";
  if (ended && publishing) return location.reload(); // the whole page is about another generation now

  const page = parseHtml(await response.text());
  const outcome = page.querySelector("[data-run-outcome]");
  outcome?.removeAttribute("role"); // announced once, below

  const hadFocus = run.contains(document.activeElement);
  const outcomeText = outcome?.textContent.trim();
  const stage = page.querySelector("[data-run-stage]")?.textContent.split(":")[0];
  run.replaceChildren(...importBody(page));
  if (hadFocus) document.getElementById("publish-title").focus();

  if (ended) {
    announce(outcomeText);
  } else {
    announce(stage);
    setTimeout(follow, INTERVAL);
  }
}

async function start(form) {
  publishing = form.elements.kind.value === "publish";
  const response = await fetch(form.action, { method: "POST", body: new FormData(form) });
  if (response.ok) follow();
}

if (run) {
  if (run.dataset.open) follow();
  else if (run.dataset.look) start(run.querySelector("[data-look-form]")).catch(() => {});
}
