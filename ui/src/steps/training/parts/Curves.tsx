import { useQuery } from "@tanstack/react-query";
import { Card } from "@/kit/Card";
import { ErrorState } from "@/kit/ErrorState";
import { count, number, percent } from "@/kit/format";
import { LineChart, type Point, type Series } from "@/kit/LineChart";
import { SkeletonText } from "@/kit/Skeleton";
import { type Curves, curvesQuery } from "../queries";

type Name = "loss" | "fvu" | "l0" | "dead_share" | "lr" | "gradient_norm";

const charts: readonly { label: string; series: readonly (Series & { key: Name })[]; log?: "offered" | "on" }[] = [
  { label: "FVU: variance that the SAE does not explain", series: [{ key: "fvu", name: "FVU" }], log: "offered" },
  { label: "Loss: mean squared error", series: [{ key: "loss", name: "Loss" }], log: "offered" },
  { label: "L0: active latents per token", series: [{ key: "l0", name: "L0" }] },
  {
    label: "Dead latents",
    series: [{ key: "dead_share", name: "Dead", format: (value) => percent(value) }],
  },
  { label: "Learning rate", series: [{ key: "lr", name: "Learning rate", format: (value) => number(value) }] },
  { label: "Gradient norm", series: [{ key: "gradient_norm", name: "Norm" }], log: "offered" },
];

/** The live curves of a training. */
export function TrainingCurves({ id }: { id: string }) {
  const { data, error, isPending, refetch } = useQuery(curvesQuery(id));
  const points = data ? pointsOf(data) : [];
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
          {charts.map(({ label, series, log }) => (
            <LineChart
              key={label}
              label={label}
              points={points}
              series={series}
              x={{ key: "step", name: "Step", format: count }}
              height={190}
              sync="training"
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
  const names: readonly Name[] = ["loss", "fvu", "l0", "dead_share", "lr", "gradient_norm"];
  return curves.steps.map((step, place) => ({
    step,
    ...Object.fromEntries(names.map((name) => [name, curves[name].mean[place]])),
  }));
}
