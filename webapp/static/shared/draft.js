// What was typed into the ticket form, kept in this tab (sessionStorage) until it is filed. Files cannot be kept.

const DRAFT = "askfirst.draft";

export function load() {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT)) || null;
  } catch {
    return null; // storage is off or was tampered with: start anew
  }
}

export function save(values) {
  try {
    sessionStorage.setItem(DRAFT, JSON.stringify(values));
    return true;
  } catch {
    return false;
  }
}

export function forget() {
  try {
    sessionStorage.removeItem(DRAFT);
  } catch {
    // nothing was kept
  }
}
