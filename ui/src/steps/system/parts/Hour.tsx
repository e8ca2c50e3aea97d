import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "react-router";
import { Card } from "@/kit/Card";
import { ErrorState } from "@/kit/ErrorState";
import { number } from "@/kit/format";
import { LineChart } from "@/kit/LineChart";
import { Segments } from "@/kit/Tabs";
import { pointsOf } from "../points";
import { historyQuery } from "../queries";

const spans = ["5", "15", "60"] as const;
const percent = (value: number) => `${number(value, 3)} %`;
const time = { key: "t", name: "Time", time: true };

/** How the machine was in the last hour. */
export function Hour() {
  const [view, setView] = useSearchParams();
  const span = spans.find((each) => each === view.get("minutes")) ?? "60";
  const { data, error, refetch } = useQuery(historyQuery(Number(span)));
  const points = pointsOf(data);
  const change = (next: string) =>
    setView(
      (before) => {
        before.set("minutes", next);
        return before;
      },
      { replace: true },
    );
  const chart = { points, x: time, height: 180, sync: "system", nothing: "The first minute is being measured." };
  return (
    <Card
      title="The last hour"
      actions={
        <Segments
          label="How far back"
          value={span}
          onChange={change}
          options={spans.map((value) => ({ value, label: `${value} min` }))}
        />
      }
    >
      {error ? (
        <ErrorState error={error} onRetry={() => void refetch()} compact />
      ) : (
        <div className="grid gap-x-8 gap-y-6 lg:grid-cols-2">
          <LineChart
            {...chart}
            label="Processor and memory"
            domain={[0, 100]}
            series={[
              { key: "cpu", name: "Processor", format: percent },
              { key: "memory", name: "Memory", format: percent },
            ]}
          />
          <LineChart
            {...chart}
            label="Each core"
            domain={[0, 100]}
            series={(data?.cores ?? []).map((_, core) => ({
              key: `core${core}`,
              name: `Core ${core + 1}`,
              format: percent,
            }))}
          />
          <LineChart
            {...chart}
            label="Disk"
            series={[
              { key: "read", name: "Read", unit: "MiB/s" },
              { key: "write", name: "Written", unit: "MiB/s" },
            ]}
          />
          <LineChart
            {...chart}
            label="Network"
            series={[
              { key: "received", name: "Received", unit: "KiB/s" },
              { key: "sent", name: "Sent", unit: "KiB/s" },
            ]}
          />
          {(data?.gpus ?? []).map((gpu) => (
            <LineChart
              key={gpu.index}
              {...chart}
              label={`GPU ${gpu.index} · ${gpu.name}`}
              domain={[0, 100]}
              series={[
                { key: `gpu${gpu.index}`, name: "Busy", format: percent },
                { key: `gpuMemory${gpu.index}`, name: "Memory", format: percent },
                { key: `gpuHeat${gpu.index}`, name: "Temperature", unit: "°C", right: true },
              ]}
            />
          ))}
        </div>
      )}
    </Card>
  );
}
