import {
  CartesianGrid,
  Line,
  LineChart as Recharts,
  ResponsiveContainer,
  Tooltip,
  type TooltipContentProps,
  XAxis,
  YAxis,
} from "recharts";
import * as format from "./format";
import { colorOf, type LineChartProps, type Point, type Series, written } from "./LineChart";
import { logTicks, niceTicks, timeTicks } from "./niceTicks";

interface DrawingProps extends LineChartProps {
  shown: readonly Series[];
  height: number;
  logarithmic: boolean;
}

const tick = { fill: "var(--ink-3)", fontSize: 11 };
const bare = { tick, tickLine: false, axisLine: false, interval: 0, width: 50 } as const;

/** The lines themselves. Its colours are the theme's variables, so a change of theme needs no new drawing. */
export default function LineChartDrawing(props: DrawingProps) {
  const { points, series, shown, x, logarithmic, domain, sync, height } = props;
  const left = shown.filter(({ right }) => !right);
  const right = shown.filter((each) => each.right);
  // A logarithm knows no zero: such points are left out rather than drawn wrong.
  const drawn = logarithmic ? points.map((point) => positive(point, left)) : points;
  const rows = height < 160 ? 3 : 5;
  const leftRange = domain ?? rangeOf(drawn, left);
  const leftTicks = logarithmic ? logTicks(...leftRange) : niceTicks(...leftRange, rows);
  const rightTicks = niceTicks(...rangeOf(points, right), rows);
  const [from, to] = rangeOf(points, [x]);
  const seconds = x.time && to - from < 600;
  const along = x.format ?? (x.time ? (value: number) => format.clock(value, seconds) : format.short);
  const exactly = x.format ?? (x.time ? (value: number) => format.clock(value) : format.count);
  return (
    <ResponsiveContainer width="100%" height="100%" initialDimension={{ width: 320, height }}>
      <Recharts
        aria-label={`${props.label}: arrow keys read the values`}
        data={[...drawn]}
        syncId={sync}
        syncMethod="value"
        margin={{ top: 6, right: 12, bottom: 0, left: 0 }}
      >
        <CartesianGrid stroke="var(--line)" vertical={false} />
        <XAxis
          dataKey={x.key}
          type="number"
          domain={[from, to]}
          ticks={(x.time ? timeTicks(from, to) : niceTicks(from, to, 6)).filter((each) => each >= from && each <= to)}
          tick={tick}
          tickFormatter={along}
          tickLine={false}
          axisLine={{ stroke: "var(--line)" }}
          minTickGap={32}
          // Times of day say by themselves what they are.
          height={x.time ? 22 : 36}
          label={x.time ? undefined : { value: x.name, position: "insideBottom", fill: "var(--ink-3)", fontSize: 11 }}
        />
        <YAxis
          {...bare}
          yAxisId="left"
          scale={logarithmic ? "log" : "linear"}
          domain={endsOf(leftTicks)}
          ticks={leftTicks}
          allowDataOverflow
          tickFormatter={left[0]?.format ?? format.short}
        />
        {series.some((each) => each.right) && (
          <YAxis
            {...bare}
            yAxisId="right"
            orientation="right"
            domain={endsOf(rightTicks)}
            ticks={rightTicks}
            tickFormatter={right[0]?.format ?? format.short}
          />
        )}
        <Tooltip
          isAnimationActive={false}
          cursor={{ stroke: "var(--line-strong)" }}
          content={(tip) => <Reading tip={tip} series={series} name={x.name} along={exactly} />}
        />
        {shown.map((each) => (
          <Line
            key={each.key}
            yAxisId={each.right ? "right" : "left"}
            dataKey={each.key}
            name={each.name}
            stroke={colorOf(each, series.indexOf(each))}
            strokeWidth={1.75}
            type="linear"
            dot={points.length === 1}
            activeDot={{ r: 3.5, strokeWidth: 0 }}
            connectNulls
            isAnimationActive={false}
          />
        ))}
      </Recharts>
    </ResponsiveContainer>
  );
}

interface ReadingProps {
  tip: TooltipContentProps;
  series: readonly Series[];
  name: string;
  along: (value: number) => string;
}

/** What the lines are under the pointer. */
function Reading({ tip: { active, payload, label }, series, name, along }: ReadingProps) {
  if (!active || payload.length === 0) return null;
  return (
    <div className="rounded-md border border-line bg-raised px-2.5 py-2 text-sm shadow-float">
      <p className="mb-1 text-xs text-ink-3">
        {name} {along(Number(label))}
      </p>
      {payload.map(({ dataKey, value }) => {
        const place = series.findIndex(({ key }) => key === dataKey);
        const each = series[place];
        if (!each || typeof value !== "number") return null;
        return (
          <p key={each.key} className="flex items-center gap-2">
            <span aria-hidden className="h-0.5 w-3 rounded-full" style={{ background: colorOf(each, place) }} />
            <span className="text-ink-2">{each.name}</span>
            <span className="ml-auto pl-3 font-medium tabular-nums">{written(each, value)}</span>
          </p>
        );
      })}
    </div>
  );
}

/** The least and the greatest value of some fields. */
function rangeOf(points: readonly Point[], fields: readonly { key: string }[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const point of points) {
    for (const { key } of fields) {
      const value = point[key];
      if (typeof value !== "number" || !Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return low <= high ? [low, high] : [0, 1];
}

function endsOf(ticks: readonly number[]): [number, number] {
  return [ticks[0] ?? 0, ticks.at(-1) ?? 1];
}

function positive(point: Point, series: readonly Series[]): Point {
  const copy: Record<string, number | null | undefined> = { ...point };
  for (const { key } of series) if ((copy[key] ?? 0) <= 0) copy[key] = null;
  return copy;
}
