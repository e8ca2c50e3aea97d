import { useQuery } from "@tanstack/react-query";
import { ArrowRight } from "lucide-react";
import { ButtonLink } from "@/kit/Button";
import { ErrorState } from "@/kit/ErrorState";
import { Page } from "@/kit/Page";
import { SkeletonPage } from "@/kit/Skeleton";
import { Running } from "./parts/Running";
import { StepCard } from "./parts/StepCard";
import { Welcome } from "./parts/Welcome";
import { nextPlace } from "./places";
import { type Next, type Road, roadQuery, runningQuery, type Step } from "./queries";

export default function HomePage() {
  const { data: road, error, isPending, refetch } = useQuery(roadQuery);
  const running = useQuery(runningQuery).data?.items ?? [];
  if (isPending) return <SkeletonPage />;
  return (
    <Page
      title="Home"
      description="From text and a model to features that you can read, test and turn. Each step uses what the one before it made."
    >
      {error ? (
        <ErrorState error={error} title="The road could not be loaded" onRetry={() => void refetch()} />
      ) : (
        <>
          {road.next.key === "demo" && <Welcome />}
          <Running jobs={running} />
          {road.next.key !== "demo" && road.next.key !== "watch" && <NextStep next={road.next} />}
          <ol className="grid gap-4 sm:grid-cols-2 xl:grid-cols-4">
            {road.steps.map((step) => (
              <StepCard key={step.key} step={step} next={isNext(step, road)} />
            ))}
          </ol>
        </>
      )}
    </Page>
  );
}

function NextStep({ next }: { next: Next }) {
  const { to, text } = nextPlace(next);
  return (
    <section
      aria-label="What to do next"
      className="mb-6 flex flex-wrap items-center justify-between gap-4 rounded-xl border border-accent/30 bg-accent-soft/40 p-5"
    >
      <div>
        <h2 className="font-semibold text-ink">
          Next: {next.title}
          {next.name !== null && <span className="font-normal text-ink-2"> · {next.name}</span>}
        </h2>
        <p className="mt-0.5 text-ink-2">{next.why}</p>
      </div>
      <ButtonLink to={to} variant="primary" icon={ArrowRight}>
        {text}
      </ButtonLink>
    </section>
  );
}

const stepOf: Record<Next["key"], Step["key"] | null> = {
  watch: null,
  demo: null,
  model: "prepare",
  dataset: "prepare",
  tokenization: "prepare",
  train: "train",
  find: "find",
  label: "explain",
  steer: "steer",
};

function isNext(step: Step, { next }: Road): boolean {
  return stepOf[next.key] === step.key;
}
