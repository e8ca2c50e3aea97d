import { useQuery } from "@tanstack/react-query";
import { Network } from "lucide-react";
import { Link } from "react-router";
import { StatusBadge } from "@/kit/Badge";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { bytes, count, plural } from "@/kit/format";
import { RelativeTime } from "@/kit/RelativeTime";
import { type Checkpoint, checkpointsQuery, type TakenSae, type Training, useFinalize } from "../queries";

/** What is on disk of a training that is not finished, and the SAEs that were made of it. */
export function Checkpoints({ training }: { training: Training }) {
  const { data } = useQuery(checkpointsQuery(training.id));
  const make = useFinalize(training);
  const best = data?.best ?? null;
  return (
    <Card
      title="Checkpoints"
      description={
        data === undefined
          ? undefined
          : `Saved every ${plural(data.every_steps, "step")} and at every pause: the most that is lost if the machine stops. An SAE can be made of each; the training can still go on.`
      }
    >
      {data === undefined || (data.checkpoints.length === 0 && best === null) ? (
        <p className="text-sm text-ink-3">None yet.</p>
      ) : (
        <ul className="grid gap-2">
          {best && (
            <State
              state={best}
              name={`Best state, at step ${count(best.step)}`}
              busy={make.isPending}
              onMake={() => make.mutate({ best: true })}
            />
          )}
          {data.checkpoints.map((each) => (
            <State
              key={each.step}
              state={each}
              name={`Step ${count(each.step)}`}
              busy={make.isPending}
              onMake={() => make.mutate({ step: each.step })}
            />
          ))}
        </ul>
      )}
      {data !== undefined && data.made.length > 0 && (
        <>
          <h3 className="mt-4 mb-2 text-sm font-medium text-ink">SAEs made from checkpoints</h3>
          <ul className="grid gap-1.5 text-sm">
            {data.made.map((each) => (
              <Taken key={each.job.id} taken={each} />
            ))}
          </ul>
        </>
      )}
    </Card>
  );
}

interface StateProps {
  state: Checkpoint;
  name: string;
  busy: boolean;
  onMake: () => void;
}

function State({ state, name, busy, onMake }: StateProps) {
  return (
    <li className="flex flex-wrap items-center justify-between gap-2 text-sm text-ink-2">
      <span>
        {name}, {bytes(state.bytes)}, <RelativeTime at={state.created_at} />
      </span>
      <Button size="sm" icon={Network} disabled={busy} onClick={onMake} aria-label={`Make an SAE: ${name}`}>
        Make an SAE
      </Button>
    </li>
  );
}

function Taken({ taken: { job, sae } }: { taken: TakenSae }) {
  return (
    <li className="flex flex-wrap items-center justify-between gap-2">
      <Link to={sae ? `/saes/${sae.id}` : `/jobs/${job.id}`} className="text-accent underline-offset-4 hover:underline">
        {sae?.name ?? job.title}
      </Link>
      {sae === null && <StatusBadge state={job.state} />}
    </li>
  );
}
