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
import { colorOf, type LineChartProps, type Series, written } from "./LineChart";

interface DrawingProps extends LineChartProps {
  shown: readonly Series[];
  height: number;
  logarithmic: boolean;
}

const tick = { fill: "var(--ink-3)", fontSize: 11 };

/** The lines themselves. Its colours are the theme's variables, so a change of theme needs no new drawing. */
export default function LineChartDrawing(props: DrawingProps) {
  const { points, series, shown, x, logarithmic, domain, sync } = props;
  // A logarithm knows no zero: such points are left out rather than drawn wrong.
  const drawn = logarithmic ? points.map((point) => positive(point, shown)) : points;
  const leftFormat = shown.find(({ right }) => !right)?.format ?? format.short;
  const rightFormat = shown.find(({ right }) => right)?.format ?? format.short;
  const along = x.format ?? format.short;
  return (
    <ResponsiveContainer width="100%" height="100%" initialDimension={{ width: 320, height: props.height }}>
      <Recharts data={[...drawn]} syncId={sync} syncMethod="value" margin={{ top: 4, right: 8, bottom: 0, left: 0 }}>
        <CartesianGrid stroke="var(--line)" vertical={false} />
        <XAxis
          dataKey={x.key}
          type="number"
          domain={["dataMin", "dataMax"]}
          tick={tick}
          tickFormatter={along}
          tickLine={false}
          axisLine={{ stroke: "var(--line)" }}
          minTickGap={40}
        />
        <YAxis
          yAxisId="left"
          scale={logarithmic ? "log" : "linear"}
          domain={logarithmic ? ["auto", "auto"] : domain ? [...domain] : ["auto", "auto"]}
          allowDataOverflow={domain !== undefined}
          tick={tick}
          tickFormatter={leftFormat}
          tickLine={false}
          axisLine={false}
          width={52}
        />
        {series.some(({ right }) => right) && (
          <YAxis
            yAxisId="right"
            orientation="right"
            domain={["auto", "auto"]}
            tick={tick}
            tickFormatter={rightFormat}
            tickLine={false}
            axisLine={false}
            width={52}
          />
        )}
        <Tooltip
          isAnimationActive={false}
          cursor={{ stroke: "var(--line-strong)" }}
          content={(tip) => <Reading tip={tip} series={series} name={x.name} along={x.format ?? format.count} />}
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

function positive(point: LineChartProps["points"][number], series: readonly Series[]) {
  const copy: Record<string, number | null | undefined> = { ...point };
  for (const { key } of series) if ((copy[key] ?? 0) <= 0) copy[key] = null;
  return copy;
}
