import { Tooltip as Primitive } from "radix-ui";
import { type ReactNode } from "react";
import { KeyHint } from "./KeyHint";
import { Words } from "./Words";

interface TooltipProps {
  text: ReactNode;
  /** A shortcut shown beside the text. */
  keys?: string;
  side?: "top" | "right" | "bottom" | "left";
  /** One element that can have the focus. */
  children: ReactNode;
}

/** Words on hover and on focus. Never the only way to learn something that is needed. */
export function Tooltip({ text, keys, side = "top", children }: TooltipProps) {
  return (
    <Primitive.Root>
      <Primitive.Trigger asChild>{children}</Primitive.Trigger>
      <Primitive.Portal>
        <Primitive.Content
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className="z-50 flex max-w-72 animate-fade items-center gap-2 rounded-md border border-line bg-raised px-2.5 py-1.5 text-sm text-ink shadow-float"
        >
          <span>
            <Words>{text}</Words>
          </span>
          {keys && <KeyHint keys={keys} />}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}

/** Wraps the page once: opens quickly, and at once when moving from one to the next. */
export function TooltipProvider({ children }: { children: ReactNode }) {
  return (
    <Primitive.Provider delayDuration={350} skipDelayDuration={250}>
      {children}
    </Primitive.Provider>
  );
}

/** A word with a dotted underline that explains itself. */
export function Explained({ children, meaning }: { children: ReactNode; meaning: ReactNode }) {
  return (
    <Tooltip text={meaning}>
      <button
        type="button"
        className="cursor-help text-left underline decoration-line-strong decoration-dotted underline-offset-4"
      >
        {children}
      </button>
    </Tooltip>
  );
}
