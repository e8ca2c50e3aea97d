import { cx } from "@/kit/cx";
import { number } from "@/kit/format";

/** How full something is: a bar and its number. */
export function Meter({ label, percent, note }: { label: string; percent: number; note?: string }) {
  const tone = percent >= 95 ? "bg-danger-fill" : percent >= 85 ? "bg-warn" : "bg-accent-fill";
  return (
    <div className="min-w-0">
      <div className="mb-1 flex justify-between gap-3 text-sm">
        <span className="text-ink-2">{label}</span>
        <span className="whitespace-nowrap text-ink-3 tabular-nums">
          {number(percent, 2)} %{note !== undefined && ` · ${note}`}
        </span>
      </div>
      <div
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(percent)}
        className="h-1.5 overflow-hidden rounded-full bg-quiet-soft"
      >
        <div
          className={cx("h-full rounded-full transition-[width] duration-500", tone)}
          style={{ width: `${Math.min(100, percent)}%` }}
        />
      </div>
    </div>
  );
}
