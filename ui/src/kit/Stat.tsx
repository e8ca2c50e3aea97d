import { type ReactNode } from "react";
import { cx } from "./cx";
import { Explained } from "./Tooltip";

interface StatProps {
  label: string;
  /** Formatted already: see format.ts. */
  value: ReactNode;
  unit?: string;
  /** What the number means, in words, for somebody who does not know it. */
  definition?: ReactNode;
  /** A small remark under the value: a change, a comparison, a sparkline. */
  note?: ReactNode;
  tone?: "ink" | "accent" | "warn" | "danger";
  size?: "md" | "lg";
}

const inks = { ink: "text-ink", accent: "text-accent", warn: "text-warn", danger: "text-danger" };

/** One number with its name, its unit and its meaning. Stand several in a `<Stats>`. */
export function Stat({ label, value, unit, definition, note, tone = "ink", size = "md" }: StatProps) {
  return (
    <div className="min-w-0">
      <dt className="text-sm text-ink-3">
        {definition === undefined ? label : <Explained meaning={definition}>{label}</Explained>}
      </dt>
      <dd className="mt-0.5">
        <span className={cx("font-semibold tabular-nums", size === "lg" ? "text-3xl" : "text-xl", inks[tone])}>
          {value}
        </span>
        {unit !== undefined && <span className="ml-1 text-sm text-ink-3">{unit}</span>}
        {note !== undefined && <div className="mt-0.5 text-sm text-ink-3">{note}</div>}
      </dd>
    </div>
  );
}

/** Several numbers side by side, as many as fit. */
export function Stats({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <dl className={cx("grid grid-cols-[repeat(auto-fit,minmax(7rem,1fr))] gap-x-6 gap-y-4", className)}>{children}</dl>
  );
}
