export interface AskfirstOptions {
  /** The address of the help centre, such as `https://help.example.com`. Needed here or in `configure`. */
  portal?: string;
  /** The number of suggestions, 1 to 20. Default: 5. */
  limit?: number;
  /** The key or the title of the product that the form is about. */
  product?: string;
  /** The version that the visitor has. */
  version?: string;
  /** The visitor's language, such as `de`. Default: the `lang` of the field or of the page. */
  language?: string;
  /** A name for the form, so that its visits are counted. */
  form?: string;
  /** The name of a form field that takes what the visitor has consulted. */
  trail?: string;
  /** A token that your server has signed for the person, or a function that returns one. */
  token?: string | (() => string | Promise<string>);
  /** The key of the help centre, for answers without a round trip: see `kb embed snippet --pack`. */
  pack?: string;
  /** Your own words for the box, by name. */
  labels?: Record<string, string>;
}

export interface Suggestion {
  id: string;
  title: string;
  kind: string;
  url: string;
  [key: string]: unknown;
}

export interface AskfirstEvents {
  "askfirst:shown": CustomEvent<{ query: string; suggestions: Suggestion[] }>;
  "askfirst:opened": CustomEvent<ConsultedArticle>;
  "askfirst:solved": CustomEvent<ConsultedArticle>;
  "askfirst:unsolved": CustomEvent<ConsultedArticle>;
  "askfirst:error": CustomEvent<{ query: string; reason: string }>;
}

export interface ConsultedArticle {
  id: string;
  title: string;
  kind: string;
  url: string;
  query: string;
}

export interface AttachedBox {
  /** What the visitor has consulted, as text for the agent who gets the form. */
  trail(): string;
  /** For forms that a script sends without a `submit` event. */
  submitted(): void;
  detach(): void;
}

export type Field = HTMLInputElement | HTMLTextAreaElement;

/** Attaches one field. If the options are a function, it is called when they are needed. */
export function attach(field: Field, options?: AskfirstOptions | (() => AskfirstOptions)): AttachedBox;

/** Removes the box and restores the attributes of the field. */
export function detach(field: Field): void;

/** Options for all fields. */
export function configure(options: AskfirstOptions): void;

declare global {
  interface HTMLElementEventMap extends AskfirstEvents {}
  interface DocumentEventMap extends AskfirstEvents {}
}
