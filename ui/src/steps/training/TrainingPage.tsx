import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { useLive } from "@/api/live";
import { StatusBadge } from "@/kit/Badge";
import { Card } from "@/kit/Card";
import { CodeBlock } from "@/kit/Code";
import { Disclosure } from "@/kit/Disclosure";
import { ErrorState } from "@/kit/ErrorState";
import { Page } from "@/kit/Page";
import { Progress } from "@/kit/Progress";
import { SkeletonPage } from "@/kit/Skeleton";
import { stageInWords } from "@/kit/stage";
import { TrainingCurves } from "./parts/Curves";
import { TrainingLog } from "./parts/Log";
import { MadeOf, Outcome } from "./parts/Made";
import { Numbers } from "./parts/Numbers";
import { TrainingActions } from "./parts/TrainingActions";
import { type Training, trainingQuery } from "./queries";

const crumbs = [{ text: "Training", to: "/training" }];

export default function TrainingPage() {
  const { id = "" } = useParams();
  useLive(`trainings/${id}`);
  const { data: training, error, isPending, refetch } = useQuery(trainingQuery(id));
  if (isPending) return <SkeletonPage />;
  if (error)
    return (
      <Page title="Training" crumbs={crumbs}>
        <ErrorState error={error} onRetry={() => void refetch()} />
      </Page>
    );
  const live = training.state === "running" || training.state === "pausing";
  return (
    <Page
      title={training.name}
      crumbs={crumbs}
      aside={<StatusBadge state={training.state} />}
      actions={<TrainingActions training={training} />}
    >
      <div className="grid grid-cols-1 gap-4">
        {training.job?.error && <Failure error={training.job.error} />}
        {training.state === "queued" && <Waiting />}
        {(live || training.state === "paused") && <Running training={training} />}
        <Numbers training={training} />
        <TrainingCurves id={training.id} />
        <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
          <MadeOf training={training} />
          <Outcome training={training} />
        </div>
        {training.job && <TrainingLog jobId={training.job.id} live={live} />}
        <Disclosure title="Configuration" description="Every option, as it is kept beside the SAE.">
          <CodeBlock label="The training's configuration">{JSON.stringify(training.config, null, 2)}</CodeBlock>
        </Disclosure>
      </div>
    </Page>
  );
}

function Running({ training }: { training: Training }) {
  const { job } = training;
  if (isStarting(training))
    return (
      <Card>
        <Progress label="Starting…" done={0} total={null} bare />
        <p role="status" className="mt-2 text-sm text-ink-2">
          {(job?.attempts ?? 0) > 1
            ? "Starting… It goes on from its last checkpoint."
            : "Starting… The model or the recording is being loaded."}
        </p>
      </Card>
    );
  return (
    <Card>
      <Progress
        label={stageInWords(job?.stage ?? "train")}
        done={job?.stage && job.stage !== "train" ? (job.done ?? 0) : training.tokens}
        total={job?.stage && job.stage !== "train" ? job.total : training.config.tokens}
        unit="tokens"
        rate={training.tokens_per_second}
        etaSeconds={training.eta_seconds}
        tone={training.state === "running" ? "accent" : "quiet"}
      />
    </Card>
  );
}

/** A process has taken it up, and told of no speed yet: the other numbers are of an earlier one. */
function isStarting({ state, job }: Training): boolean {
  return state === "running" && job !== null && (job.stage === null || job.rate === null);
}

function Waiting() {
  return (
    <p role="status" className="rounded-xl border border-line bg-surface p-4 text-ink-2">
      It waits for its turn: one training runs at a time on a device.
    </p>
  );
}

function Failure({ error }: { error: { message: string; remedy: string } }) {
  return (
    <div role="alert" className="rounded-xl border border-danger/40 bg-danger-soft p-4">
      <p className="font-medium text-ink">{error.message}</p>
      <p className="mt-1 text-ink-2">{error.remedy}</p>
    </div>
  );
}
