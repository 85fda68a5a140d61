// Suggestions without a round trip: a signed list of public titles and headings, from which a page answers at once and
// while the help centre is down. It answers what it is sure of and leaves the rest to the server. Loaded by
// companion.js where the page names the key of the help centre (data-pack).
//
// The first line of a pack is an Ed25519 signature of the rest: a line of JSON with facts, then one line for each
// document: ID, title and headings, separated by tabs. A "~" at the end of an ID stands for the title's own words.

const WHOLE = 0.62; // the score from which an answer is sure
const BESIDE = 0.75; // the share of the best score that others need
const AHEAD = 0.04; // by which the best must lead, or nobody knows which it is
const HEADING = 0.9; // what a heading counts, beside a title
const FIELD = 0.45; // how much of the score the field has a say in; the rest is the query's

const words = (text) =>
  (
    text
      .toLowerCase()
      .normalize("NFKD")
      .replace(/\p{M}/gu, "")
      .match(/[\p{L}\p{N}]+/gu) || []
  ).map((word) => (word.length > 4 ? word.replace(/(ing|ed|es|s|e)$/, "") : word));

export const slug = (title) => (title.toLowerCase().match(/[a-z0-9]+/g) || []).join("-");

const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

export class Pack {
  constructor(text) {
    const [facts, ...lines] = text.split("\n");
    this.facts = JSON.parse(facts);
    this.entries = [];
    const counts = new Map();
    for (const line of lines) {
      const [id, title, ...headings] = line.split("\t");
      if (!title) continue;
      const fields = [title, ...headings].map((field, position) => [new Set(words(field)), position ? HEADING : 1]);
      this.entries.push({ id: id.replace(/~$/, slug(title)), title, fields });
      for (const word of new Set(fields.flatMap(([field]) => [...field]))) counts.set(word, (counts.get(word) || 0) + 1);
    }
    const number = this.entries.length;
    this.weight = (word) => Math.log(1 + number / (counts.get(word) || 0.5));
    this.vocabulary = [...counts.keys()];
  }

  // The documents for a half-typed text, best first; none unless it is sure.
  search(query, limit) {
    const typed = words(query);
    if (!typed.length) return [];
    const last = typed.at(-1);
    const isOpen = !/[\s\p{P}]$/u.test(query); // the last word may go on
    const sum = (list) => list.reduce((total, word) => total + this.weight(word), 0);
    const whole = sum(typed.slice(0, -1)) + Math.min(...this.completions(last, isOpen).map(this.weight));

    const scored = [];
    for (const entry of this.entries) {
      let best = 0;
      for (const [field, share] of entry.fields) {
        const list = [...field];
        const hits = list.filter((word) => typed.includes(word) || (isOpen && word.startsWith(last)));
        if (!hits.length) continue;
        const found = sum(hits);
        const score = Math.min(found / whole, 1) * (1 - FIELD + (FIELD * found) / sum(list)) * share;
        if (score > best) best = score;
      }
      if (best) scored.push([best, entry]);
    }
    scored.sort((left, right) => right[0] - left[0]);
    const [first = 0, second = 0] = scored.slice(0, 2).map(([score]) => score);
    if (first < WHOLE || first - second < AHEAD) return [];
    return scored.filter(([score]) => score >= first * BESIDE).slice(0, limit).map(([, entry]) => entry);
  }

  completions(word, isOpen) {
    const longer = isOpen ? this.vocabulary.filter((known) => known.startsWith(word)) : [];
    return longer.length ? longer : [word];
  }
}

// The pack at an address, if the key has signed it. What the browser has is used at once, and renewed for next time.
export async function loadPack(address, key) {
  const read = async (cache) => {
    const response = await fetch(address, { credentials: "omit", cache });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response.text();
  };
  const text = await read("force-cache");
  read("no-cache").catch(() => {});

  const end = text.indexOf("\n");
  const signed = text.slice(end + 1);
  const imported = await crypto.subtle.importKey("raw", bytesOf(key), "Ed25519", false, ["verify"]);
  const data = new TextEncoder().encode(signed);
  if (!(await crypto.subtle.verify("Ed25519", imported, bytesOf(text.slice(0, end)), data))) {
    throw new Error("The pack is not signed by the key of data-pack.");
  }
  return new Pack(signed);
}
