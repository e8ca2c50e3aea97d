import { type KeyboardEvent, useState } from "react";
import { cx } from "./cx";
import * as format from "./format";

export interface Bin {
  from: number;
  to: number;
  count: number;
}

interface HistogramProps {
  /** What is counted: “Activations of this latent”. */
  label: string;
  bins: readonly Bin[];
  /** What the bins are of: `activation`, `tokens`. */
  unit: string;
  /** What is counted, in the plural. */
  things?: string;
  height?: number;
  /** Counts of very different sizes. */
  log?: boolean;
  /** A value to point at: the test box's, a threshold. */
  marker?: { value: number; label: string };
  tone?: "accent" | "info" | "cold";
}

const fills = { accent: "fill-accent-fill", info: "fill-info", cold: "fill-cold" };
const WIDTH = 400;

/** How often each size occurs. The pointer or the arrow keys read a bar. */
export function Histogram(props: HistogramProps) {
  const { label, bins, unit, things = "values", height = 120, log = false, marker, tone = "accent" } = props;
  const [at, setAt] = useState<number | null>(null);
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  const size = (count: number) => (log ? Math.log10(1 + count) : count);
  const most = Math.max(1e-9, ...bins.map(({ count }) => size(count)));
  const [low, high] = [bins[0]?.from ?? 0, bins.at(-1)?.to ?? 1];
  const peak = bins.reduce<Bin | undefined>((best, bin) => (bin.count > (best?.count ?? -1) ? bin : best), undefined);
  const bin = at === null ? undefined : bins[at];
  const range = ({ from, to }: Bin) => `${format.number(from)} to ${format.number(to)}`;
  const say = (each: Bin) =>
    `${range(each)} ${unit}: ${format.count(each.count)} ${things} (${format.percent(total ? each.count / total : 0)})`;
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    setAt((before) => Math.max(0, Math.min(bins.length - 1, before === null ? 0 : before + step)));
  };
  const width = WIDTH / Math.max(1, bins.length);
  return (
    <figure className="min-w-0">
      <figcaption className="flex items-baseline justify-between gap-4 text-sm">
        <span className="font-medium text-ink-2">{label}</span>
        <span className="truncate text-xs text-ink-3 tabular-nums" aria-live="polite">
          {bin ? say(bin) : `${format.count(total)} ${things}`}
        </span>
      </figcaption>
      <svg
        // Read bar by bar with the arrow keys.
        tabIndex={0}
        role="img"
        aria-label={`${label}: ${format.count(total)} ${things}${peak ? `, most of them in ${range(peak)} ${unit}` : ""}. Arrow keys read the bars.`}
        viewBox={`0 0 ${WIDTH} ${height}`}
        preserveAspectRatio="none"
        className="mt-2 block w-full"
        style={{ height }}
        onKeyDown={onKeyDown}
        onBlur={() => setAt(null)}
        onPointerLeave={() => setAt(null)}
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          const place = Math.floor(((event.clientX - box.left) / box.width) * bins.length);
          setAt(Math.max(0, Math.min(bins.length - 1, place)));
        }}
      >
        {bins.map((each, place) => {
          const tall = (size(each.count) / most) * (height - 2);
          return (
            <rect
              key={each.from}
              x={place * width + width * 0.06}
              width={width * 0.88}
              y={height - Math.max(tall, each.count > 0 ? 1 : 0)}
              height={Math.max(tall, each.count > 0 ? 1 : 0)}
              className={cx(fills[tone], at !== null && at !== place && "opacity-45")}
            />
          );
        })}
        {marker && high > low && (
          <line
            x1={((marker.value - low) / (high - low)) * WIDTH}
            x2={((marker.value - low) / (high - low)) * WIDTH}
            y1={0}
            y2={height}
            className="stroke-warn"
            strokeWidth={1.5}
            strokeDasharray="4 3"
            vectorEffect="non-scaling-stroke"
          />
        )}
      </svg>
      <div className="mt-1 flex justify-between border-t border-line pt-1 text-xs text-ink-3 tabular-nums">
        <span>{format.number(low)}</span>
        {marker && (
          <span className="text-warn">
            {marker.label}: {format.number(marker.value)}
          </span>
        )}
        <span>
          {format.number(high)} {unit}
        </span>
      </div>
    </figure>
  );
}
