import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { useLive } from "@/api/live";
import { StatusBadge } from "@/kit/Badge";
import { ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { CodeBlock } from "@/kit/Code";
import { ErrorState } from "@/kit/ErrorState";
import { Disclosure } from "@/kit/Disclosure";
import { dateTime, duration, plural } from "@/kit/format";
import { Page } from "@/kit/Page";
import { Progress } from "@/kit/Progress";
import { SkeletonPage } from "@/kit/Skeleton";
import { Stat, Stats } from "@/kit/Stat";
import { stageInWords, unitOf } from "@/kit/stage";
import { JobActions } from "./parts/JobActions";
import { JobLog } from "./parts/JobLog";
import { type Job, jobQuery, placeOf } from "./queries";
import { kinds } from "./words";

const crumbs = [{ text: "Jobs", to: "/jobs" }];

export default function JobPage() {
  const { id = "" } = useParams();
  useLive(`jobs/${id}`);
  const { data: job, error, isPending, refetch } = useQuery(jobQuery(id));
  if (isPending) return <SkeletonPage />;
  if (error)
    return (
      <Page title="Job" crumbs={crumbs}>
        <ErrorState error={error} onRetry={() => void refetch()} />
      </Page>
    );
  const place = placeOf(job);
  const live = job.state === "running" || job.state === "pausing";
  return (
    <Page
      title={job.title}
      crumbs={crumbs}
      aside={<StatusBadge state={job.state} failed={job.failed_items} />}
      actions={
        <>
          <JobActions job={job} />
          {place && (
            <ButtonLink to={place.to} variant="primary">
              {place.text}
            </ButtonLink>
          )}
        </>
      }
    >
      <div className="grid grid-cols-1 gap-4">
        {job.error && <Failure job={job} />}
        {job.failed_items > 0 && <LeftOut job={job} />}
        {live && job.stage !== null && job.done !== null && (
          <Card>
            <Progress
              label={stageInWords(job.stage)}
              done={job.done}
              total={job.total}
              unit={unitOf(job.stage)}
              rate={job.rate}
              etaSeconds={job.eta_seconds}
            />
          </Card>
        )}
        <Card>
          <Stats>
            <Stat label="Kind" value={kinds[job.kind] ?? job.kind} />
            <Stat label="Asked for" value={dateTime(job.created_at)} />
            <Stat label="Started" value={job.started_at === null ? "not yet" : dateTime(job.started_at)} />
            <Stat
              label="Took"
              value={job.seconds === null ? "–" : duration(job.seconds)}
              definition="From its start to its end, or until now; pauses are counted."
            />
            <Stat
              label="Attempts"
              value={String(job.attempts)}
              definition="How often a process took it up. A process that was killed or paused goes on where it was."
            />
          </Stats>
        </Card>
        <JobLog id={job.id} live={live} />
        <Disclosure
          title="What was asked for"
          description={["failed", "cancelled"].includes(job.state) ? "Retrying repeats exactly this." : undefined}
        >
          <CodeBlock label="The job's request">{JSON.stringify(job.request, null, 2)}</CodeBlock>
        </Disclosure>
      </div>
    </Page>
  );
}

/** What of many items failed, while the others were done. */
function LeftOut({ job }: { job: Job }) {
  const named = job.result?.failed ?? [];
  const rest = job.failed_items - named.length;
  return (
    <div role="status" className="rounded-xl border border-warn/40 bg-warn-soft p-4">
      <p className="font-medium text-ink">
        {plural(job.failed_items, "file")} could not be read and {job.failed_items === 1 ? "was" : "were"} left out.
      </p>
      <ul className="mt-2 grid gap-1 text-ink-2">
        {named.map(({ name, reason }, place) => (
          <li key={place} className="wrap-anywhere">
            <code className="font-mono text-sm text-ink">{name}</code>: {reason}
          </li>
        ))}
        {named.length > 0 && rest > 0 && <li>and {rest} more, which the log names.</li>}
      </ul>
    </div>
  );
}

function Failure({ job }: { job: Job }) {
  return (
    <div role="alert" className="rounded-xl border border-danger/40 bg-danger-soft p-4">
      <p className="font-medium text-ink">{job.error?.message}</p>
      <p className="mt-1 text-ink-2">{job.error?.remedy}</p>
    </div>
  );
}
