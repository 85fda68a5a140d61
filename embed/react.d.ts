import type { InputHTMLAttributes, ReactElement, RefCallback } from "react";
import type { AskfirstEvents, AskfirstOptions, Field } from "./index.js";

type Detail<Name extends keyof AskfirstEvents> = AskfirstEvents[Name]["detail"];

export interface ReactOptions extends AskfirstOptions {
  onShown?: (detail: Detail<"askfirst:shown">) => void;
  onOpened?: (detail: Detail<"askfirst:opened">) => void;
  onSolved?: (detail: Detail<"askfirst:solved">) => void;
  onUnsolved?: (detail: Detail<"askfirst:unsolved">) => void;
  onError?: (detail: Detail<"askfirst:error">) => void;
}

export function useAskfirst(options: ReactOptions): RefCallback<Field>;

export function AskfirstInput(
  props: InputHTMLAttributes<HTMLInputElement> & { askfirst: ReactOptions },
): ReactElement;
