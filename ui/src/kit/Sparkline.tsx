interface SparklineProps {
  /** What it is of; its ends are added in words. */
  label: string;
  values: readonly number[];
  width?: number;
  height?: number;
  /** From here to there; the values' own range where not given. */
  domain?: readonly [number, number];
  color?: string;
  format?: (value: number) => string;
}

/** A line the size of a word. */
export function Sparkline({ label, values, width = 96, height = 24, domain, color, format = String }: SparklineProps) {
  if (values.length < 2) return <span className="inline-block" style={{ width, height }} />;
  const low = domain?.[0] ?? Math.min(...values);
  const high = domain?.[1] ?? Math.max(...values);
  const span = high - low || 1;
  const points = values.map((value, place) => {
    const x = (place / (values.length - 1)) * width;
    const y = height - 2 - ((Math.min(high, Math.max(low, value)) - low) / span) * (height - 4);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  const stroke = color ?? "var(--series-1)";
  const last = values.at(-1) ?? 0;
  return (
    <svg
      role="img"
      aria-label={`${label}: now ${format(last)}, between ${format(Math.min(...values))} and ${format(Math.max(...values))}`}
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      className="inline-block overflow-visible"
    >
      <polygon points={`0,${height} ${points.join(" ")} ${width},${height}`} fill={stroke} fillOpacity={0.14} />
      <polyline points={points.join(" ")} fill="none" stroke={stroke} strokeWidth={1.5} strokeLinejoin="round" />
    </svg>
  );
}
