import { Fragment, type KeyboardEvent, useId, useRef, useState } from "react";
import { cx } from "./cx";
import * as format from "./format";

interface TokenTextProps {
  tokens: readonly string[];
  /** One a token: how strongly the latent fires there. Negative ones are pink. */
  values?: readonly number[];
  /** The value of the full colour; the greatest of these where not given. Give the latent's own over many texts. */
  max?: number;
  /** The token that the text was chosen for: outlined. */
  peak?: number;
  /** What the values are. */
  unit?: string;
  /** Line breaks break the line; otherwise they are a sign in it. */
  breaks?: boolean;
  /** Spaces are seen as dots. */
  whitespace?: boolean;
  onToken?: (index: number) => void;
  label?: string;
  className?: string;
}

/** A text by its tokens, each as green as its value. Hover, or focus and arrow keys, read a token. */
export function TokenText(props: TokenTextProps) {
  const { tokens, values, peak, unit = "activation", breaks = false, whitespace = false, onToken } = props;
  if (values !== undefined && values.length !== tokens.length)
    throw new Error(`${tokens.length} tokens came with ${values.length} values: one of them is wrong.`);
  const max = props.max ?? Math.max(0, ...(values ?? []).map(Math.abs));
  const box = useRef<HTMLDivElement>(null);
  const reading = useId();
  const [at, setAt] = useState<number | null>(null);
  const [place, setPlace] = useState({ left: 0, top: 0 });

  const read = (index: number | null) => {
    setAt(index);
    const token = index === null ? null : box.current?.querySelector(`[data-token="${index}"]`);
    if (!token || !box.current) return;
    // The first line's box: a token may be broken over two.
    const [line, frame] = [token.getClientRects()[0], box.current.getBoundingClientRect()];
    if (line) setPlace({ left: line.left - frame.left + line.width / 2, top: line.top - frame.top });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const moves: Record<string, number> = {
      ArrowRight: (at ?? -1) + 1,
      ArrowLeft: (at ?? 1) - 1,
      Home: 0,
      End: tokens.length - 1,
    };
    const next = moves[event.key];
    if (next !== undefined) read(Math.max(0, Math.min(tokens.length - 1, next)));
    else if (event.key === "Escape" && at !== null) read(null);
    else if (event.key === "Enter" && at !== null) onToken?.(at);
    else return;
    event.preventDefault();
  };
  const indexOf = (target: EventTarget) =>
    target instanceof HTMLElement && target.dataset.token !== undefined ? Number(target.dataset.token) : null;

  return (
    // The tokens are read through the box: hundreds of stops for Tab would help nobody.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div
      ref={box}
      className={cx("relative", props.className)}
      onPointerOver={(event) => read(indexOf(event.target))}
      onPointerLeave={() => read(null)}
      onKeyDown={onKeyDown}
      onClick={(event) => {
        const index = indexOf(event.target);
        if (index !== null) onToken?.(index);
      }}
    >
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        role="group"
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        aria-label={props.label ?? "Text by its tokens"}
        aria-describedby={at === null ? undefined : reading}
        onFocus={(event) => event.target.matches(":focus-visible") && read(peak ?? 0)}
        onBlur={() => read(null)}
        className="font-mono text-sm leading-6 wrap-anywhere whitespace-pre-wrap"
      >
        {tokens.map((token, index) => (
          <Fragment key={index}>
            <Token
              index={index}
              token={token}
              share={max > 0 ? (values?.[index] ?? 0) / max : 0}
              peak={index === peak}
              whitespace={whitespace}
            />
            {breaks && token.includes("\n") && "\n"}
          </Fragment>
        ))}
      </div>
      {at !== null && tokens[at] !== undefined && (
        <div
          id={reading}
          role="status"
          className="pointer-events-none absolute z-20 -translate-x-1/2 -translate-y-full rounded-md border border-line bg-raised px-2 py-1 text-xs whitespace-nowrap shadow-float"
          style={{ left: place.left, top: place.top - 4 }}
        >
          <span className="font-mono text-ink">{seen(tokens[at], true)}</span>
          {values?.[at] !== undefined && (
            <span className="ml-2 text-ink-3">
              {unit} <span className="font-medium text-ink tabular-nums">{format.number(values[at])}</span>
            </span>
          )}
        </div>
      )}
    </div>
  );
}

interface TokenProps {
  index: number;
  token: string;
  share: number;
  peak: boolean;
  whitespace: boolean;
}

function Token({ index, token, share, peak, whitespace }: TokenProps) {
  // Whatever fires is seen, however weakly.
  const strength = share === 0 ? 0 : Math.max(0.12, Math.min(1, Math.abs(share)));
  const hue = share < 0 ? "var(--cold)" : "var(--heat)";
  return (
    <span
      data-token={index}
      className={cx(
        "rounded-[3px] py-0.5",
        // In one piece: broken over two lines, its first space would be an empty box at the end of the upper one.
        peak && "inline-block max-w-full py-0 outline-2 -outline-offset-1 outline-accent",
      )}
      style={
        strength === 0
          ? undefined
          : {
              backgroundColor: `color-mix(in srgb, ${hue} calc(${strength.toFixed(3)} * var(--heat-most)), transparent)`,
            }
      }
    >
      {seen(token, whitespace)}
    </span>
  );
}

/** Signs for what has no shape. */
function seen(token: string, whitespace: boolean): string {
  const signs = token.replaceAll("\r", "").replaceAll("\n", "⏎").replaceAll("\t", "⇥");
  if (signs === "") return "∅";
  return whitespace ? signs.replaceAll(" ", "·") : signs;
}
