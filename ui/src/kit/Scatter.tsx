import { type ReactNode, useId, useState } from "react";
import { Link } from "react-router";
import { cx } from "./cx";
import * as format from "./format";
import { niceTicks } from "./niceTicks";

export interface Dot {
  key: string;
  x: number;
  y: number;
  name: string;
  /** Dots of one group have one colour. */
  group: string;
  /** On the frontier: drawn full, and joined by a line. */
  best?: boolean;
  to: string;
  /** Said beside the name under the pointer. */
  detail?: ReactNode;
}

interface Axis {
  name: string;
  format?: (value: number) => string;
}

interface ScatterProps {
  label: string;
  dots: readonly Dot[];
  /** All groups, in the order of their colours. */
  groups: readonly string[];
  x: Axis;
  y: Axis;
  height?: number;
  nothing?: string;
}

/** Dots by two numbers. Each is a link: the pointer or the Tab key reads it, Enter opens it. */
export function Scatter({ label, dots, groups, x, y, height = 300, nothing = "No values yet." }: ScatterProps) {
  const name = useId();
  const [at, setAt] = useState<string | null>(null);
  const [sayX, sayY] = [x.format ?? format.number, y.format ?? format.number];
  const xTicks = ticksOf(dots.map((dot) => dot.x));
  const yTicks = ticksOf(dots.map((dot) => dot.y));
  const left = (value: number) => share(value, xTicks) * 100;
  const top = (value: number) => (1 - share(value, yTicks)) * 100;
  const best = dots.filter((dot) => dot.best).sort((a, b) => a.x - b.x);
  const read = dots.find(({ key }) => key === at);
  return (
    <figure aria-labelledby={name} className="min-w-0">
      <figcaption className="mb-3 flex flex-wrap items-center justify-between gap-x-4 gap-y-1">
        <span id={name} className="text-sm font-medium text-ink-2">
          {label}
        </span>
        <span className="flex flex-wrap gap-x-3 gap-y-1 text-xs text-ink-2">
          {groups.map((group, place) => (
            <span key={group} className="flex items-center gap-1.5">
              <span aria-hidden className="size-2 rounded-full" style={{ background: colorOf(place) }} />
              {group}
            </span>
          ))}
        </span>
      </figcaption>
      {dots.length === 0 ? (
        <div className="grid place-items-center rounded-lg bg-sunken text-sm text-ink-3" style={{ height }}>
          {nothing}
        </div>
      ) : (
        <>
          <div className="relative mr-3 ml-12" style={{ height }}>
            {yTicks.map((tick) => (
              <div key={tick} aria-hidden className="absolute inset-x-0 h-px bg-line" style={{ top: `${top(tick)}%` }}>
                <span className="absolute -left-12 w-10 -translate-y-1/2 text-right text-xs text-ink-3 tabular-nums">
                  {sayY(tick)}
                </span>
              </div>
            ))}
            <svg
              aria-hidden
              viewBox="0 0 100 100"
              preserveAspectRatio="none"
              className="pointer-events-none absolute inset-0 size-full overflow-visible"
            >
              <polyline
                points={best.map((dot) => `${left(dot.x)},${top(dot.y)}`).join(" ")}
                className="fill-none stroke-line-strong"
                strokeWidth={1.25}
                strokeDasharray="4 3"
                vectorEffect="non-scaling-stroke"
              />
            </svg>
            {dots.map((dot) => (
              <Link
                key={dot.key}
                to={dot.to}
                aria-label={`${dot.name}, ${dot.group}: ${y.name} ${sayY(dot.y)} at ${x.name} ${sayX(dot.x)}${dot.best ? ", best at its L0" : ""}`}
                onPointerEnter={() => setAt(dot.key)}
                onPointerLeave={() => setAt(null)}
                onFocus={() => setAt(dot.key)}
                onBlur={() => setAt(null)}
                // Larger than what is drawn, so that a finger meets it.
                className="absolute grid size-6 -translate-1/2 place-items-center rounded-full"
                style={{ left: `${left(dot.x)}%`, top: `${top(dot.y)}%` }}
              >
                <span
                  className={cx(
                    "rounded-full border-2 transition-transform",
                    dot.best ? "size-3" : "size-2.5",
                    at === dot.key && "scale-150",
                  )}
                  style={{
                    borderColor: colorOf(groups.indexOf(dot.group)),
                    background: dot.best ? colorOf(groups.indexOf(dot.group)) : "transparent",
                  }}
                />
              </Link>
            ))}
            {read && (
              <div
                aria-hidden
                className={cx(
                  "pointer-events-none absolute z-10 w-max max-w-64 rounded-md border border-line bg-raised px-2.5 py-2 text-sm shadow-float",
                  left(read.x) > 50 ? "-translate-x-full" : "",
                  top(read.y) > 50 ? "-translate-y-full" : "",
                )}
                style={{
                  left: `calc(${left(read.x)}% + ${left(read.x) > 50 ? -14 : 14}px)`,
                  top: `${top(read.y)}%`,
                }}
              >
                <p className="font-medium text-ink">{read.name}</p>
                <p className="text-ink-2 tabular-nums">
                  {y.name} {sayY(read.y)}, {x.name} {sayX(read.x)}
                </p>
                {read.detail !== undefined && <p className="text-xs text-ink-3">{read.detail}</p>}
              </div>
            )}
          </div>
          <div
            aria-hidden
            className="relative mt-1 mr-3 ml-12 h-9 border-t border-line text-xs text-ink-3 tabular-nums"
          >
            {xTicks.map((tick) => (
              <span key={tick} className="absolute top-1 -translate-x-1/2" style={{ left: `${left(tick)}%` }}>
                {sayX(tick)}
              </span>
            ))}
            <span className="absolute inset-x-0 bottom-0 text-center">{x.name}</span>
          </div>
        </>
      )}
    </figure>
  );
}

function colorOf(place: number): string {
  return `var(--series-${(Math.max(0, place) % 6) + 1})`;
}

function ticksOf(values: readonly number[]): number[] {
  return values.length === 0 ? [0, 1] : niceTicks(Math.min(...values), Math.max(...values), 5);
}

function share(value: number, ticks: readonly number[]): number {
  const [low, high] = [ticks[0] ?? 0, ticks.at(-1) ?? 1];
  return (value - low) / Math.max(1e-12, high - low);
}
