import { useQuery } from "@tanstack/react-query";
import { Card } from "@/kit/Card";
import { ErrorState } from "@/kit/ErrorState";
import { count, number, percent } from "@/kit/format";
import { LineChart, type Point, type Series } from "@/kit/LineChart";
import { SkeletonText } from "@/kit/Skeleton";
import { type Curves, curvesQuery } from "../queries";

const names = [
  ...(["loss", "fvu", "l0", "dead_share", "lr", "gradient_norm"] as const),
  ...(["penalty", "coefficient", "revived"] as const),
];
type Name = (typeof names)[number];

interface Chart {
  label: string;
  series: readonly (Series & { key: Name })[];
  log?: "offered" | "on";
  /** Only where it is ever other than 0: the architecture, or the way in which latents are revived, has it. */
  ifAny?: boolean;
}

const charts: readonly Chart[] = [
  { label: "FVU: variance that the SAE does not explain", series: [{ key: "fvu", name: "FVU" }], log: "offered" },
  { label: "Loss: mean squared error", series: [{ key: "loss", name: "Loss" }], log: "offered" },
  { label: "L0: active latents per token", series: [{ key: "l0", name: "L0" }] },
  {
    label: "Dead latents",
    series: [{ key: "dead_share", name: "Dead", format: (value) => percent(value) }],
  },
  { label: "Learning rate", series: [{ key: "lr", name: "Learning rate", format: (value) => number(value) }] },
  { label: "Gradient norm", series: [{ key: "gradient_norm", name: "Norm" }], log: "offered" },
  { label: "Penalty: what active latents cost", series: [{ key: "penalty", name: "Penalty" }], ifAny: true },
  {
    label: "Coefficient: weight of the penalty",
    series: [{ key: "coefficient", name: "Coefficient" }],
    log: "offered",
    ifAny: true,
  },
  {
    label: "Revived: dead latents that became active again since the line before",
    series: [{ key: "revived", name: "Revived", unit: "latents" }],
    ifAny: true,
  },
];

/** The live curves of a training. */
export function TrainingCurves({ id }: { id: string }) {
  const { data, error, isPending, refetch } = useQuery(curvesQuery(id));
  const points = data ? pointsOf(data) : [];
  const shown = charts.filter(
    ({ ifAny, series }) => !ifAny || series.some(({ key }) => data?.[key].max.some((value) => value !== 0)),
  );
  return (
    <Card
      title="Curves"
      description={
        data?.sampled
          ? `${count(data.lines)} lines of the log, thinned out; extremes are kept.`
          : "Every line of the training's log."
      }
    >
      {isPending ? (
        <SkeletonText lines={6} />
      ) : error ? (
        <ErrorState error={error} onRetry={() => void refetch()} compact />
      ) : (
        <div className="grid gap-x-8 gap-y-6 lg:grid-cols-2">
          {shown.map(({ label, series, log }) => (
            <LineChart
              key={label}
              label={label}
              points={points}
              series={series}
              x={{ key: "step", name: "Step", format: count }}
              height={190}
              sync="training"
              definition={data.definitions.find(({ name }) => name === series[0]?.key)?.definition}
              nothing="The first line comes after a few steps."
              {...(log ? { log } : {})}
            />
          ))}
        </div>
      )}
    </Card>
  );
}

function pointsOf(curves: Curves): readonly Point[] {
  return curves.steps.map((step, place) => ({
    step,
    ...Object.fromEntries(names.map((name) => [name, curves[name].mean[place]])),
  }));
}
