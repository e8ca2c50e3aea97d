import { Card } from "@/kit/Card";
import { Disclosure } from "@/kit/Disclosure";
import { ErrorState } from "@/kit/ErrorState";
import { bytes, count, duration, number } from "@/kit/format";
import { Skeleton } from "@/kit/Skeleton";
import { Stat, Stats } from "@/kit/Stat";
import type { Estimate } from "../queries";

/** A size that is far too large is said in the unit of what there is, so that the two can be compared. */
function comparable(needed: number, available: number): number {
  return needed > available ? available : needed;
}

interface EstimateProps {
  estimate?: Estimate;
  error: unknown;
  waiting: boolean;
  /** Why there is none yet. */
  missing: string | null;
}

/** What it will take, before it begins. */
export function EstimateCard({ estimate, error, waiting, missing }: EstimateProps) {
  return (
    <Card title="What it takes">
      {error !== null ? (
        <ErrorState error={error} compact />
      ) : waiting || estimate === undefined ? (
        waiting ? (
          <Skeleton className="h-16" />
        ) : (
          <p className="text-ink-3">{missing} This then says how much memory, disk and time it takes.</p>
        )
      ) : (
        <>
          <Stats>
            <Stat
              label="Time"
              value={duration(estimate.seconds)}
              note={estimate.seconds === null ? "not known before the first run" : undefined}
              definition={estimate.seconds_basis}
            />
            <Stat
              label="Memory"
              value={bytes(estimate.memory_bytes, comparable(estimate.memory_bytes, estimate.memory_available_bytes))}
              note={`${bytes(estimate.memory_available_bytes)} available`}
              tone={estimate.memory_bytes > estimate.memory_available_bytes ? "danger" : "ink"}
            />
            <Stat
              label="Runs on"
              value={estimate.device === "cpu" ? "Processor" : "GPU"}
              definition={
                estimate.device === "cpu"
                  ? "No GPU is found on this machine, so the processor does the work."
                  : "The first GPU of this machine does the work."
              }
            />
            {estimate.device_memory_bytes > 0 && (
              <Stat
                label="GPU memory"
                value={bytes(estimate.device_memory_bytes)}
                note={`${bytes(estimate.device_memory_available_bytes)} available`}
              />
            )}
            <Stat label="Disk" value={bytes(estimate.disk_bytes)} note={`${bytes(estimate.disk_free_bytes)} free`} />
            {estimate.facts.d_sae !== undefined && <Stat label="Latents" value={count(estimate.facts.d_sae)} />}
            {estimate.facts.steps !== undefined && <Stat label="Steps" value={count(estimate.facts.steps)} />}
            {estimate.facts.learning_rate !== undefined && (
              <Stat
                label="Learning rate"
                value={number(estimate.facts.learning_rate)}
                definition="The highest; it rises at the start and falls at the end."
              />
            )}
          </Stats>
          {estimate.problems.map((problem) => (
            <p key={problem} role="alert" className="mt-3 rounded-lg bg-danger-soft p-3 text-sm text-ink">
              {problem}
            </p>
          ))}
          {estimate.advice.length > 0 && (
            <ul aria-label="Advice" className="mt-3 grid gap-2">
              {estimate.advice.map((sentence) => (
                <li key={sentence} className="rounded-lg bg-warn-soft p-3 text-sm text-ink">
                  {sentence}
                </li>
              ))}
            </ul>
          )}
          <div className="mt-4">
            <Disclosure title="What needs memory">
              <dl className="grid grid-cols-[1fr_auto] gap-x-4 gap-y-1.5 text-sm">
                {[...estimate.memory, ...estimate.device_memory].map((part) => (
                  <div key={part.name} className="contents">
                    <dt className="text-ink-2">
                      {part.name} <span className="text-ink-3">{part.meaning}</span>
                    </dt>
                    <dd className="text-right text-ink-2 tabular-nums">{bytes(part.bytes)}</dd>
                  </div>
                ))}
              </dl>
            </Disclosure>
          </div>
        </>
      )}
    </Card>
  );
}
