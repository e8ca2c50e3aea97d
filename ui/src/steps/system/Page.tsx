import { useQuery } from "@tanstack/react-query";
import { ErrorState } from "@/kit/ErrorState";
import { Page } from "@/kit/Page";
import { SkeletonPage } from "@/kit/Skeleton";
import { About } from "./parts/About";
import { EngineCard } from "./parts/EngineCard";
import { Hour } from "./parts/Hour";
import { Now } from "./parts/Now";
import { Processes } from "./parts/Processes";
import { sampleQuery } from "./queries";

export default function SystemPage() {
  const { data: sample, error, isPending, refetch } = useQuery(sampleQuery);
  if (isPending) return <SkeletonPage />;
  return (
    <Page title="System" description="What this machine does now and did in the last hour, measured every two seconds.">
      <div className="grid grid-cols-1 gap-4">
        {error ? (
          <ErrorState error={error} title="The machine could not be measured" onRetry={() => void refetch()} />
        ) : (
          <Now sample={sample} />
        )}
        <Hour />
        <div className="grid gap-4 lg:grid-cols-2">
          <EngineCard />
          {sample && <Processes processes={sample.processes} />}
        </div>
        <About />
      </div>
    </Page>
  );
}
