import { Card } from "@/kit/Card";
import { bytes, number } from "@/kit/format";
import type { Sample } from "../queries";
import { Meter } from "./Meter";

/** How the machine is at this moment. */
export function Now({ sample }: { sample: Sample }) {
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Card
        title="Processor"
        description={
          sample.load === null
            ? undefined
            : `Load ${sample.load.map((each) => number(each, 2)).join(" · ")}: programs that compute or want to, over 1, 5 and 15 minutes.`
        }
      >
        <div className="grid gap-x-6 gap-y-3 sm:grid-cols-2">
          {sample.cores.map((percent, core) => (
            <Meter key={core} label={`Core ${core + 1}`} percent={percent} />
          ))}
        </div>
      </Card>
      <Card title="Memory and disk">
        <div className="grid gap-3">
          <Meter
            label="Memory"
            percent={sample.memory_percent}
            note={of(sample.memory_used_bytes, sample.memory_total_bytes)}
          />
          {sample.swap_total_bytes > 0 && (
            <Meter
              label="Swap"
              percent={(100 * sample.swap_used_bytes) / sample.swap_total_bytes}
              note={of(sample.swap_used_bytes, sample.swap_total_bytes)}
            />
          )}
          <Meter
            label="Disk of the store"
            percent={sample.disk_percent}
            note={`${bytes(sample.disk_free_bytes)} free`}
          />
        </div>
      </Card>
      {sample.gpus.map((gpu) => (
        <Card key={gpu.index} title={`GPU ${gpu.index} · ${gpu.name}`}>
          <div className="grid gap-3">
            {gpu.percent !== null && <Meter label="Busy" percent={gpu.percent} />}
            <Meter
              label="Memory"
              percent={(100 * gpu.memory_used_bytes) / gpu.memory_total_bytes}
              note={of(gpu.memory_used_bytes, gpu.memory_total_bytes)}
            />
            <p className="text-sm text-ink-3">
              {[
                gpu.temperature_celsius === null ? null : `${number(gpu.temperature_celsius)} °C`,
                gpu.power_watts === null ? null : `${number(gpu.power_watts)} W`,
              ]
                .filter(Boolean)
                .join(" · ")}
            </p>
          </div>
        </Card>
      ))}
    </div>
  );
}

function of(part: number, whole: number): string {
  return `${bytes(part)} of ${bytes(whole)}`;
}
