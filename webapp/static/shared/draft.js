// The draft of the ticket form, in this tab's sessionStorage until it is filed. Files cannot be stored.

const DRAFT_KEY = "askfirst.draft";

export function load() {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT_KEY)) || null;
  } catch {
    return null; // storage is off, or its content is not ours
  }
}

export function save(values) {
  try {
    sessionStorage.setItem(DRAFT_KEY, JSON.stringify(values));
    return true;
  } catch {
    return false;
  }
}

export function forget() {
  try {
    sessionStorage.removeItem(DRAFT_KEY);
  } catch {
    // storage is off: nothing was stored
  }
}
