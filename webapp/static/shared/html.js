// The only way in which HTML of this server enters a page: through one Trusted Types policy, parsed in a document of
// its own.

const policy = window.trustedTypes?.createPolicy("askfirst", { createHTML: (html) => html });

export function parseHtml(html) {
  return new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
}

// The parsed body, ready to be inserted into this document.
export function importBody(page) {
  return [...page.body.childNodes].map((node) => document.importNode(node, true));
}
