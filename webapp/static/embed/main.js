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

function attach(input) {
  const host = document.createElement("div");
  host.className = "askfirst";
  input.insertAdjacentElement("afterend", host);

  new Suggestions(input, {
    src: new URL("api/v1/suggest", portal),
    limit: tag.dataset.limit || 5,
    host,
    stay: true,
    credentials: "omit",
    hint: "Use the arrow keys to choose and Enter to open in a new tab.",
    choose: (hit) => window.open(new URL(hit.url, portal), "_blank", "noopener"),
  });
}

const inputs = document.querySelectorAll(tag.dataset.input || "[data-askfirst]");
if (inputs.length) addStyles();
for (const input of inputs) attach(input);
