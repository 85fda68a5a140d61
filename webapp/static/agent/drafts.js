// Keeps what an agent types on a ticket's page: a moment after the last key, and when the page is left. The server
// shows it again after every action, a reload and another sign-in. Without a script, nothing is kept.

const PAUSE = 500; // ms without a key before saving

const page = document.querySelector("[data-drafts]");
const token = document.querySelector('input[name="csrf_token"]')?.value || "";

// After a reload or "Back", the browser puts back what was in the fields, which may have been sent since.
const isRestored = performance.getEntriesByType("navigation")[0]?.type !== "navigate";

class Draft {
  constructor(form, field) {
    this.form = form;
    this.field = field;
    this.name = form.dataset.action;
    this.saved = isRestored ? field.value : field.defaultValue; // somebody may already have typed
    this.note = document.createElement("p");
    this.note.className = "meta draft-note";
    this.note.setAttribute("role", "status");
    field.after(this.note);

    field.addEventListener("input", () => this.schedule());
    if (this.isDirty()) this.schedule();
    form.addEventListener("submit", () => {
      this.sent = true; // the server removes the draft once the message is saved
      clearTimeout(this.timer);
      this.request?.abort();
    });
  }

  schedule() {
    clearTimeout(this.timer);
    this.note.textContent = "";
    this.timer = setTimeout(() => this.save(), PAUSE);
  }

  body() {
    return new URLSearchParams({ csrf_token: token, form: this.name, body: this.field.value });
  }

  isDirty() {
    return !this.sent && this.field.value !== this.saved;
  }

  async save() {
    clearTimeout(this.timer);
    if (!this.isDirty()) return;
    const value = this.field.value;
    this.request = new AbortController();
    try {
      const { signal } = this.request;
      const options = { method: "POST", body: this.body(), redirect: "manual", signal };
      const response = await fetch(page.dataset.drafts, options);
      if (response.status !== 204) throw new Error(`${response.status}`);
      this.saved = value;
      this.note.textContent = value ? "Draft saved" : "";
    } catch {
      if (this.sent) return;
      this.note.textContent = "The draft is not saved yet";
      this.timer = setTimeout(() => this.save(), 10 * PAUSE);
    }
  }

  // While the page is left, only a beacon is sure to be sent.
  leave() {
    if (!this.isDirty()) return;
    if (navigator.sendBeacon(page.dataset.drafts, this.body())) this.saved = this.field.value;
  }
}

if (page) {
  const drafts = [];
  for (const form of page.querySelectorAll("[data-draft]")) {
    const field = form.querySelector('textarea[name="body"]');
    if (field) drafts.push(new Draft(form, field));
  }
  window.addEventListener("pagehide", () => drafts.forEach((draft) => draft.leave()));
  window.addEventListener("pageshow", () => drafts.forEach((draft) => (draft.sent = false)));
  // Another form of the page is sent: what is typed here must be saved before the page comes again.
  page.addEventListener("submit", async (event) => {
    const dirty = drafts.filter((draft) => draft.isDirty());
    if (!dirty.length || event.defaultPrevented) return;
    event.preventDefault();
    await Promise.all(dirty.map((draft) => draft.save()));
    event.target.submit();
  });
}
