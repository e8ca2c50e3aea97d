import { Card } from "@/kit/Card";
import { count, number, percent, short } from "@/kit/format";
import { LineChart, type Point, type Series } from "@/kit/LineChart";
import type { Curves } from "../queries";

/** Lines that can be told apart in one chart. */
export const MOST = 6;
export type Along = "tokens" | "step";

export interface Run {
  id: string;
  name: string;
  color: 1 | 2 | 3 | 4 | 5 | 6;
  curves: Curves;
}

const charts = [
  { name: "fvu", label: "FVU: variance that the SAE does not explain", format: number, log: "offered" },
  { name: "l0", label: "L0: active latents per token", format: number, log: "offered" },
  { name: "dead_share", label: "Dead latents", format: percent, log: undefined },
  { name: "lr", label: "Learning rate", format: number, log: undefined },
] as const;

/** One chart a number, one line a training. */
export function ComparedCurves({ runs, along }: { runs: readonly Run[]; along: Along }) {
  return (
    <Card>
      <div className="grid gap-x-8 gap-y-6 lg:grid-cols-2">
        {charts.map(({ name, label, format, log }) => (
          <LineChart
            key={name}
            label={label}
            points={pointsOf(runs, name, along)}
            series={runs.map((run): Series => ({
              key: run.id,
              name: run.name,
              color: run.color,
              format: (value) => format(value),
            }))}
            x={{ key: "x", name: along === "step" ? "Step" : "Tokens", format: along === "step" ? count : short }}
            height={230}
            sync="compare"
            nothing="The first line comes after a few steps."
            {...(log ? { log } : {})}
          />
        ))}
      </div>
    </Card>
  );
}

/** The points of all runs in one order; where runs share a place they share a point. */
export function pointsOf(runs: readonly Run[], name: "fvu" | "l0" | "dead_share" | "lr", along: Along): Point[] {
  const points = new Map<number, Record<string, number>>();
  for (const { id, curves } of runs) {
    const places = along === "step" ? curves.steps : curves.tokens;
    places.forEach((x, place) => {
      const value = curves[name].mean[place];
      if (value !== undefined) points.set(x, { ...(points.get(x) ?? { x }), [id]: value });
    });
  }
  return [...points.values()].sort((a, b) => (a.x ?? 0) - (b.x ?? 0));
}
