import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { Card } from "@/kit/Card";
import { Progress } from "@/kit/Progress";
import { stageInWords, unitOf } from "@/kit/stage";
import { type Job, liveJobsQuery } from "../queries";

/** The jobs that run or wait for an SAE. */
export function useJobsOf(saeId: string): readonly Job[] {
  return useQuery(liveJobsQuery).data?.items.filter((job) => isOf(job, saeId)) ?? [];
}

/** Jobs that work with the SAE just now. */
export function Working({ saeId }: { saeId: string }) {
  const jobs = useJobsOf(saeId);
  if (jobs.length === 0) return null;
  return (
    <Card title="At work">
      <ul className="grid grid-cols-1 gap-4">
        {jobs.map((job) => (
          <li key={job.id} className="grid gap-1">
            <Link to={`/jobs/${job.id}`} className="w-fit text-sm font-medium text-ink hover:text-accent">
              {job.title}
            </Link>
            {job.state === "queued" || job.stage === null ? (
              <p className="text-sm text-ink-3">
                {job.state === "queued" ? "It waits for its turn." : "It is starting."}
              </p>
            ) : (
              <Progress
                label={stageInWords(job.stage)}
                done={job.done ?? 0}
                total={job.total}
                unit={unitOf(job.stage)}
                rate={job.rate}
                etaSeconds={job.eta_seconds}
                tone={job.state === "running" ? "accent" : "quiet"}
              />
            )}
          </li>
        ))}
      </ul>
    </Card>
  );
}

function isOf(job: Job, saeId: string): boolean {
  return job.request.sae_id === saeId || job.subject === `saes/${saeId}`;
}
