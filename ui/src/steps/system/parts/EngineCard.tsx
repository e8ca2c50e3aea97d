import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { ErrorState } from "@/kit/ErrorState";
import { bytes, duration } from "@/kit/format";
import { SkeletonText } from "@/kit/Skeleton";
import { toastError } from "@/kit/toast";
import { type Engine, engineQuery, useUnload } from "../queries";

/** What the engine holds: the models and SAEs that steering and tests run on. */
export function EngineCard() {
  const { data: engine, error, isPending, refetch } = useQuery(engineQuery);
  const unload = useUnload();
  return (
    <Card
      title="Engine"
      description="The process that holds loaded models, for steering and for testing features. It unloads what was not used for a while."
      actions={
        <Button
          size="sm"
          busy={unload.isPending}
          disabled={!engine?.loaded.length}
          onClick={() => unload.mutate(undefined, { onError: (reason) => toastError("Nothing was unloaded", reason) })}
        >
          Unload everything
        </Button>
      }
    >
      {isPending ? (
        <SkeletonText />
      ) : error ? (
        <ErrorState error={error} onRetry={() => void refetch()} compact />
      ) : engine.loaded.length === 0 ? (
        <p className="text-ink-3">
          Nothing is loaded; the engine takes {bytes(engine.resident_bytes)}. A model is loaded when it is first needed.
        </p>
      ) : (
        <ul className="divide-y divide-line">
          {engine.loaded.map((each) => (
            <Loaded key={`${each.entity} ${each.name}`} thing={each} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function Loaded({ thing }: { thing: Engine["loaded"][number] }) {
  const page = thing.entity === "model" ? "/models" : "/saes";
  return (
    <li className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1 py-2">
      {thing.id === null ? (
        <span className="text-ink">{thing.name}</span>
      ) : (
        <Link to={`${page}/${thing.id}`} className="text-ink hover:text-accent hover:underline">
          {thing.name}
        </Link>
      )}
      <span className="text-sm text-ink-3">
        {thing.entity === "model" ? "Model" : "SAE"} · {bytes(thing.bytes)} in {thing.dtype} on {thing.device} ·{" "}
        {thing.in_use ? "in use" : `idle for ${duration(thing.idle_seconds)}`}
      </span>
    </li>
  );
}
