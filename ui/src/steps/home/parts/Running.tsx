import { Link } from "react-router";
import { StatusBadge } from "@/kit/Badge";
import { Card } from "@/kit/Card";
import { Progress } from "@/kit/Progress";
import { stageInWords, unitOf } from "@/kit/stage";
import type { Job } from "../queries";

/** What runs or waits, with its live progress. */
export function Running({ jobs }: { jobs: readonly Job[] }) {
  if (jobs.length === 0) return null;
  return (
    <Card title="In progress" className="mb-6">
      <ul className="divide-y divide-line">
        {jobs.map((job) => (
          <li key={job.id} className="py-3 first:pt-0 last:pb-0">
            <div className="mb-2 flex items-center justify-between gap-3">
              <Link to={pageOf(job)} className="font-medium text-ink hover:text-accent hover:underline">
                {job.title}
              </Link>
              <StatusBadge state={job.state} />
            </div>
            {job.done !== null && job.stage !== null && (
              <Progress
                label={stageInWords(job.stage)}
                done={job.done}
                total={job.total}
                unit={unitOf(job.stage)}
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

function pageOf(job: Job): string {
  const training = job.subject?.match(/^trainings\/(.+)$/)?.[1];
  return training === undefined ? `/jobs/${job.id}` : `/training/${training}`;
}
