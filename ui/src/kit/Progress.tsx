import { cx } from "./cx";
import * as format from "./format";

interface ProgressProps {
  /** What is being done: the bar's accessible name. */
  label: string;
  done: number;
  /** In units of `done`; null where nobody knows it: the bar then only shows that something moves. */
  total: number | null;
  /** What is counted: `tokens`, `steps`, `MiB`. */
  unit?: string;
  /** Units a second. */
  rate?: number | null;
  etaSeconds?: number | null;
  tone?: "accent" | "warn" | "danger" | "quiet";
  /** The bar alone, without its line of words. */
  bare?: boolean;
  /** One short line of words, as a row of a table has room for. */
  dense?: boolean;
}

const fills = { accent: "bg-accent-fill", warn: "bg-warn", danger: "bg-danger-fill", quiet: "bg-line-strong" };

/** How far something is, how fast it goes, and when it will be done. */
export function Progress({
  label,
  done,
  total,
  unit,
  rate,
  etaSeconds,
  tone = "accent",
  bare = false,
  dense = false,
}: ProgressProps) {
  const share = total === null || total <= 0 ? null : Math.min(1, Math.max(0, done / total));
  const left = etaSeconds === null || etaSeconds === undefined ? null : `${format.duration(etaSeconds)} left`;
  const facts = [
    total === null
      ? `${format.count(done)}${unit ? ` ${unit}` : ""}`
      : `${format.count(done)} of ${format.count(total)}${unit ? ` ${unit}` : ""}`,
    rate ? format.rate(rate, unit ?? "items") : null,
    left,
  ].filter((fact) => fact !== null);
  return (
    <div className="min-w-0">
      {dense && (
        <p className="mb-1 truncate text-sm text-ink-3 tabular-nums">
          <span className="text-ink-2">{label}</span>
          {share !== null && ` · ${format.percent(share)}`}
          {left !== null && ` · ${left}`}
        </p>
      )}
      {!bare && !dense && (
        <div className="mb-1.5 flex flex-wrap justify-between gap-x-4 text-sm">
          <span className="text-ink-2">{label}</span>
          <span className="text-ink-3 tabular-nums">{facts.join(" · ")}</span>
        </div>
      )}
      <div
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={share === null ? undefined : Math.round(share * 100)}
        aria-valuetext={facts.join(", ")}
        className="h-1.5 overflow-hidden rounded-full bg-quiet-soft"
      >
        <div
          className={cx(
            "h-full rounded-full",
            fills[tone],
            share === null ? "w-1/3 animate-sweep" : "transition-[width] duration-300",
          )}
          style={share === null ? undefined : { width: `${share * 100}%` }}
        />
      </div>
    </div>
  );
}
