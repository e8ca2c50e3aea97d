import { useQuery } from "@tanstack/react-query";
import { Card } from "@/kit/Card";
import { CopyButton } from "@/kit/Code";
import { ErrorState } from "@/kit/ErrorState";
import { LogText } from "@/kit/LogText";
import { SkeletonText } from "@/kit/Skeleton";
import { logQuery } from "../queries";

/** What the job said. */
export function JobLog({ id, live }: { id: string; live: boolean }) {
  const { data, error, isPending, refetch } = useQuery(logQuery(id, live));
  return (
    <Card
      title="Log"
      description={data && data.offset > 0 ? "The last 64 KiB." : undefined}
      actions={data && data.text !== "" ? <CopyButton text={data.text} name="Copy the log" /> : undefined}
    >
      {isPending ? (
        <SkeletonText />
      ) : error ? (
        <ErrorState error={error} onRetry={() => void refetch()} compact />
      ) : (
        <LogText label="The job's log" text={data.text} />
      )}
    </Card>
  );
}
