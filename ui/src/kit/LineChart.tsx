import { lazy, Suspense, useId, useState } from "react";
import { cx } from "./cx";
import * as format from "./format";
import { Skeleton } from "./Skeleton";
import { Switch } from "./Switch";
import { Explained } from "./Tooltip";

const Drawing = lazy(() => import("./LineChartDrawing"));

export interface Series {
  /** The field of the points that it draws. */
  key: string;
  name: string;
  unit?: string;
  /** Where its values are written in another way than `number`. */
  format?: (value: number) => string;
  /** On the axis at the right, with its own range. */
  right?: boolean;
  /** A colour of the theme, 1 to 6; by its place where not given. */
  color?: 1 | 2 | 3 | 4 | 5 | 6;
}

export type Point = Readonly<Record<string, number | null | undefined>>;

export interface LineChartProps {
  /** What is seen: the figure's name. */
  label: string;
  /** What the label means, when it is pointed at. */
  definition?: string;
  points: readonly Point[];
  series: readonly Series[];
  /** The field along the bottom, and what it is called. */
  x: {
    key: string;
    name: string;
    /** Its values are seconds since 1970: marked at round times, written as times of day. */
    time?: boolean;
    format?: (value: number) => string;
  };
  height?: number;
  /** Offers a logarithmic axis; `on` begins with it. */
  log?: "offered" | "on";
  /** The whole range of the left axis, where it is known: [0, 100]. */
  domain?: readonly [number, number];
  /** Said while there is no point. */
  nothing?: string;
  /** Charts of one sync follow the same pointer. */
  sync?: string;
}

/** Lines over steps or time. Recharts comes with the first chart that is shown; a table of words stands for it to readers. */
export function LineChart(props: LineChartProps) {
  const { label, definition, points, series, x, height = 240, log, nothing = "No values yet." } = props;
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [logarithmic, setLogarithmic] = useState(log === "on");
  const name = useId();
  const unit = series.every((each) => each.unit === series[0]?.unit) ? series[0]?.unit : undefined;
  const shown = series.filter(({ key }) => !hidden.has(key));
  const toggle = (key: string) => {
    const next = new Set(hidden);
    if (!next.delete(key)) next.add(key);
    setHidden(next);
  };
  return (
    <figure aria-labelledby={name} className="min-w-0">
      <figcaption className="mb-2 flex min-h-7 flex-wrap items-center justify-between gap-x-4 gap-y-1">
        <span id={name} className="text-sm font-medium text-ink-2">
          {definition === undefined ? label : <Explained meaning={definition}>{label}</Explained>}
          {unit !== undefined && <span className="font-normal text-ink-3">, {unit}</span>}
        </span>
        <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
          {series.length > 1 &&
            series.map((each, place) => (
              <button
                key={each.key}
                type="button"
                aria-pressed={!hidden.has(each.key)}
                onClick={() => toggle(each.key)}
                className={cx("flex items-center gap-1.5 text-xs", hidden.has(each.key) ? "text-ink-3" : "text-ink-2")}
              >
                <span
                  aria-hidden
                  className="h-0.5 w-3 rounded-full"
                  style={{ background: hidden.has(each.key) ? "var(--line-strong)" : colorOf(each, place) }}
                />
                <span className={hidden.has(each.key) ? "line-through" : undefined}>
                  {each.name}
                  {each.unit !== undefined && each.unit !== unit && <span className="text-ink-3"> {each.unit}</span>}
                </span>
              </button>
            ))}
          {log && <Switch label="Log scale" checked={logarithmic} onChange={setLogarithmic} />}
        </span>
      </figcaption>
      {points.length === 0 ? (
        <div className="grid place-items-center rounded-lg bg-sunken text-sm text-ink-3" style={{ height }}>
          {nothing}
        </div>
      ) : (
        <div style={{ height }}>
          <Suspense fallback={<Skeleton className="size-full rounded-lg" />}>
            <Drawing {...props} series={series} shown={shown} height={height} logarithmic={logarithmic} />
          </Suspense>
        </div>
      )}
      <Summary points={points} series={series} x={x} />
    </figure>
  );
}

export function colorOf(series: Series, place: number): string {
  return `var(--series-${series.color ?? (place % 6) + 1})`;
}

export function written(series: Series, value: number): string {
  return `${(series.format ?? format.number)(value)}${series.unit ? ` ${series.unit}` : ""}`;
}

/** The chart in words: for those who cannot see it. */
function Summary({ points, series, x }: Pick<LineChartProps, "points" | "series" | "x">) {
  const at = x.format ?? (x.time ? (value: number) => format.clock(value) : format.count);
  const lines = series.flatMap((each) => {
    const values = points.flatMap((point) => {
      const [value, place] = [point[each.key], point[x.key]];
      return typeof value === "number" && typeof place === "number" ? [{ value, place }] : [];
    });
    const [first, last] = [values[0], values.at(-1)];
    if (!first || !last) return [];
    const low = values.reduce((best, each) => (each.value < best.value ? each : best));
    const high = values.reduce((best, each) => (each.value > best.value ? each : best));
    const say = (point: { value: number; place: number }) =>
      `${written(each, point.value)} at ${x.name} ${at(point.place)}`;
    return [`${each.name}: from ${say(first)} to ${say(last)}; lowest ${say(low)}, highest ${say(high)}.`];
  });
  return <p className="sr-only">{lines.join(" ")}</p>;
}
