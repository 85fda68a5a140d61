import { createElement, useCallback, useRef } from "react";
import { attach, detach } from "./index.js";

const EVENTS = ["Shown", "Opened", "Solved", "Unsolved", "Error"];

// A ref for an input or a textarea of your own. The options are those of attach(), and onShown, onOpened, onSolved,
// onUnsolved and onError, which get the detail of the event. They may change with each rendering.
export function useAskfirst(options) {
  const latest = useRef(options);
  const attached = useRef(null);
  latest.current = options;

  return useCallback((field) => {
    attached.current?.();
    attached.current = null;
    if (!field) return;

    const away = new AbortController();
    for (const name of EVENTS) {
      const listener = ({ detail }) => latest.current[`on${name}`]?.(detail);
      field.addEventListener(`askfirst:${name.toLowerCase()}`, listener, { signal: away.signal });
    }
    attach(field, () => latest.current);
    attached.current = () => {
      away.abort();
      detach(field);
    };
  }, []);
}

// An input with suggestions; everything but `askfirst`, the options, is passed on.
export function AskfirstInput({ askfirst, ...rest }) {
  return createElement("input", { ...rest, ref: useAskfirst(askfirst) });
}
