// One tag for any form: <script src="https://portal/embed.js" data-input="#subject" defer></script>
// No cookies; the styles and scripts of the page stay untouched. When the portal is down, the form works as before.

const tag = document.currentScript;
const portal = new URL(".", tag.src);

function addStyles() {
  // A constructed sheet is not inline style, so a strict style-src of the embedding page allows it.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    .askfirst {
      position: relative;
      color-scheme: light dark;
      font: inherit;
    }
    .askfirst .suggest-list {
      list-style: none;
      margin: 4px 0 0;
      padding: 4px;
      border: 1px solid color-mix(in srgb, currentColor 35%, transparent);
      border-radius: 8px;
      background: Canvas;
      color: CanvasText;
    }
    .askfirst .suggest-option {
      padding: 8px 10px;
      border-radius: 6px;
      cursor: pointer;
    }
    .askfirst .suggest-option[aria-selected="true"],
    .askfirst .suggest-option:hover {
      background: color-mix(in srgb, CanvasText 10%, Canvas);
    }
    .askfirst .suggest-title {
      display: block;
      font-weight: 600;
    }
    .askfirst .suggest-divider {
      padding: 6px 10px 2px;
      font-size: .85em;
      opacity: .8;
    }
    .askfirst .suggest-perhaps .suggest-title {
      font-weight: 400;
    }
    .askfirst .suggest-unseen {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
    .askfirst .suggest-kind {
      float: right;
      margin-left: 12px;
      font-size: .85em;
    }
    .askfirst .suggest-text {
      display: block;
      font-size: .9em;
    }
    .askfirst .suggest-path {
      display: block;
      font-size: .8em;
      opacity: .8;
    }
    .askfirst .suggest-also {
      display: block;
      font-size: .8em;
    }
    .askfirst .suggest-also [data-other] {
      text-decoration: underline;
      cursor: pointer;
    }
    .askfirst .suggest-answer .suggest-text {
      white-space: pre-line;
    }
    .askfirst .suggest-status {
      margin: 4px 0 0;
      font-size: .85em;
    }`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

// --- the visit, only with data-form: a random number for half an hour, so that all tabs of a browser are one visit

const VISIT_KEY = "askfirst.visit";
const IDLE = 30 * 60 * 1000; // ms without an event after which a visit is over
const ARM_TIMEOUT = 1500; // ms for which suggestions wait for the answer

function currentVisit() {
  const now = Date.now();
  let visit = null;
  try {
    visit = JSON.parse(localStorage.getItem(VISIT_KEY));
  } catch {
    // storage is off, or its content is not ours
  }
  const isOver = !visit?.id || now - visit.seen > IDLE || visit.seen > now;
  visit = { id: isOver ? crypto.randomUUID() : visit.id, seen: now };
  try {
    localStorage.setItem(VISIT_KEY, JSON.stringify(visit));
  } catch {
    // each page is a visit of its own then
  }
  return visit.id;
}

class Visit {
  constructor(form) {
    this.form = form;
    this.id = currentVisit();
    this.arm = null; // unknown
  }

  report(kind, payload = {}, signal = undefined) {
    return fetch(new URL("api/v1/episodes", portal), {
      method: "POST",
      body: JSON.stringify({ episode: this.id, form: this.form, kind, payload }),
      headers: { "Content-Type": "application/json" },
      credentials: "omit",
      keepalive: true,
      signal,
    });
  }

  // Asked once somebody types; without an answer the suggestions are shown, and the visit is not counted.
  begin() {
    this.ready ??= this.report("form_open", {}, AbortSignal.timeout(ARM_TIMEOUT))
      .then((response) => (response.ok ? response.json() : null))
      .then((answer) => (this.arm = answer?.arm ?? null))
      .catch(() => {});
    return this.ready;
  }

  async tell(kind, payload) {
    await this.begin();
    if (this.arm !== null) this.report(kind, payload).catch(() => {});
  }
}

function attach(input) {
  const host = document.createElement("div");
  host.className = "askfirst";
  input.insertAdjacentElement("afterend", host);
  const visit = tag.dataset.form ? new Visit(tag.dataset.form) : null;

  new Suggestions(input, {
    src: new URL("api/v1/suggest", portal),
    limit: tag.dataset.limit || 5,
    host,
    stay: true,
    credentials: "omit",
    hint: "Use the arrow keys to choose and Enter to open in a new tab.",
    ready: () => visit?.begin(),
    silent: () => visit?.arm === "holdout",
    shown: ({ suggestions, generation }) => visit?.tell("shown", { ids: suggestions.map((hit) => hit.id), generation }),
    settled: (query, count) => visit?.tell("query", { q: query, found: count }),
    choose: (hit) => {
      window.open(new URL(hit.url, portal), "_blank", "noopener");
      if (visit) readElsewhere(visit, hit);
    },
  });
  input.form?.addEventListener("submit", () => visit?.tell("submit", {}));
}

// The document opens in another tab: it is read for as long as this page is hidden.
function readElsewhere(visit, hit) {
  const opened = Date.now();
  const back = () => {
    if (document.visibilityState !== "visible") return;
    document.removeEventListener("visibilitychange", back);
    visit.tell("open", { id: hit.id, dwell_ms: Date.now() - opened });
  };
  document.addEventListener("visibilitychange", back);
}

const inputs = document.querySelectorAll(tag.dataset.input || "[data-askfirst]");
if (inputs.length) addStyles();
for (const input of inputs) attach(input);
