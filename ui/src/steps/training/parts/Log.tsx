import { useQuery } from "@tanstack/react-query";
import { Card } from "@/kit/Card";
import { ErrorState } from "@/kit/ErrorState";
import { LogText } from "@/kit/LogText";
import { SkeletonText } from "@/kit/Skeleton";
import { logQuery } from "../queries";

/** What the training's process said. */
export function TrainingLog({ jobId, live }: { jobId: string; live: boolean }) {
  const { data, error, isPending, refetch } = useQuery(logQuery(jobId, live));
  return (
    <Card title="Log">
      {isPending ? (
        <SkeletonText />
      ) : error ? (
        <ErrorState error={error} onRetry={() => void refetch()} compact />
      ) : (
        <LogText label="The training's log" text={data.text} />
      )}
    </Card>
  );
}
