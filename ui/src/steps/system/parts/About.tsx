import { useQuery } from "@tanstack/react-query";
import { Card } from "@/kit/Card";
import { CopyButton } from "@/kit/Code";
import { ErrorState } from "@/kit/ErrorState";
import { bytes, plural } from "@/kit/format";
import { SkeletonText } from "@/kit/Skeleton";
import { infoQuery } from "../queries";

/** Versions, and where things lie. */
export function About() {
  const { data, error, isPending, refetch } = useQuery(infoQuery);
  if (isPending || error)
    return (
      <Card title="This studio">
        {isPending ? <SkeletonText /> : <ErrorState error={error} onRetry={() => void refetch()} compact />}
      </Card>
    );
  const facts: [string, string][] = [
    ["Version", `miStudio ${data.version} on Python ${data.python}`],
    ["Machine", `${data.host}, ${plural(data.cpu_cores, "core")}, ${bytes(data.memory_total_bytes)}; ${data.platform}`],
    ["GPUs", data.gpus.length === 0 ? "none" : data.gpus.map((gpu) => gpu.name).join(", ")],
    ["Database", data.database === "embedded" ? "its own PostgreSQL, in the home" : "an external PostgreSQL"],
    ["Queue", data.queue === "redis" ? "Redis" : "folders in the home"],
    ["Reached from", data.listens_elsewhere ? "other machines too" : "this machine only"],
  ];
  return (
    <Card title="This studio">
      <dl className="grid gap-x-6 gap-y-2 text-sm sm:grid-cols-[8rem_1fr]">
        {facts.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-ink-3">{name}</dt>
            <dd className="wrap-anywhere text-ink-2">{value}</dd>
          </div>
        ))}
        <div className="contents">
          <dt className="text-ink-3">Home</dt>
          <dd className="flex items-center gap-2 wrap-anywhere text-ink-2">
            <code className="font-mono text-xs">{data.home}</code>
            <CopyButton text={data.home} name="Copy the path" />
          </dd>
        </div>
      </dl>
    </Card>
  );
}
