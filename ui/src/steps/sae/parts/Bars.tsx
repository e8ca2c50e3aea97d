import { type ReactNode } from "react";
import { cx } from "@/kit/cx";

export interface BarRow {
  key: string;
  title: ReactNode;
  value: number;
  /** The value, written. */
  text: string;
  fill?: string;
}

interface BarsProps {
  label: string;
  rows: readonly BarRow[];
  /** The ends of the bars; what lies below the first has no length. */
  from?: number;
  to: number;
}

/** Lengths side by side, each with its name and its number. */
export function Bars({ label, rows, from = 0, to }: BarsProps) {
  return (
    <ul aria-label={label} className="grid gap-3">
      {rows.map(({ key, title, value, text, fill = "bg-accent-fill" }) => {
        const share = Math.min(1, Math.max(0, (value - from) / Math.max(1e-9, to - from)));
        return (
          <li key={key}>
            <div className="flex justify-between gap-4 text-sm">
              <span className="text-ink-2">{title}</span>
              <span className="text-ink tabular-nums">{text}</span>
            </div>
            <div className="mt-1 h-2.5 rounded-full bg-sunken">
              <div className={cx("h-full rounded-full", fill)} style={{ width: `${share * 100}%` }} />
            </div>
          </li>
        );
      })}
    </ul>
  );
}
