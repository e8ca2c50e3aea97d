import { useQuery } from "@tanstack/react-query";
import { FlaskConical } from "lucide-react";
import { Link, useParams } from "react-router";
import { ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { DeleteButton } from "@/kit/DeleteButton";
import { ErrorState } from "@/kit/ErrorState";
import { bytes, count } from "@/kit/format";
import { Page } from "@/kit/Page";
import { SkeletonPage, SkeletonText } from "@/kit/Skeleton";
import { Architecture } from "./parts/Architecture";
import { BlockDiagram } from "./parts/BlockDiagram";
import { MemoryTable } from "./parts/MemoryTable";
import { architectureQuery, memoryQuery, type Model, modelQuery, saesQuery, useDelete } from "./queries";

const crumbs = [{ text: "Models", to: "/models" }];

export default function ModelPage() {
  const { id = "" } = useParams();
  const { data: model, error, isPending, refetch } = useQuery(modelQuery(id));
  if (isPending) return <SkeletonPage />;
  if (error)
    return (
      <Page title="Model" crumbs={crumbs}>
        <ErrorState error={error} onRetry={() => void refetch()} />
      </Page>
    );
  return (
    <Page
      title={model.name}
      crumbs={crumbs}
      description={`${count(model.n_layers)} layers of width ${count(model.d_model)}, in ${model.quantize ?? model.dtype}; ${bytes(model.bytes)} on disk.`}
      actions={
        <>
          <Delete model={model} />
          <ButtonLink to={`/training/new?model=${model.id}`} variant="primary" icon={FlaskConical}>
            Train an SAE on it
          </ButtonLink>
        </>
      }
    >
      <div className="grid grid-cols-1 gap-4">
        <Inside model={model} />
        <SaesOf model={model} />
        <Card title="Made from">
          <p className="font-mono text-xs wrap-anywhere text-ink-2">{model.source}</p>
        </Card>
      </div>
    </Page>
  );
}

function Inside({ model }: { model: Model }) {
  const architecture = useQuery(architectureQuery(model.id));
  const memory = useQuery(memoryQuery(model.id));
  return (
    <>
      <Card title="Architecture" description={architecture.data?.architecture}>
        {architecture.isPending ? (
          <SkeletonText lines={4} />
        ) : architecture.error ? (
          <ErrorState error={architecture.error} onRetry={() => void architecture.refetch()} compact />
        ) : (
          <div className="space-y-6">
            <Architecture description={architecture.data} />
            <BlockDiagram additive={architecture.data.additive} />
            {!architecture.data.proven && (
              <p className="text-sm text-warn">
                The hook points of this family are not among those proven in miStudio&apos;s own tests: they are proven
                on this model when they are first used.
              </p>
            )}
          </div>
        )}
      </Card>
      <Card title="Memory">
        {memory.isPending ? (
          <SkeletonText />
        ) : memory.error ? (
          <ErrorState error={memory.error} onRetry={() => void memory.refetch()} compact />
        ) : (
          <MemoryTable memory={memory.data} />
        )}
      </Card>
    </>
  );
}

function SaesOf({ model }: { model: Model }) {
  const saes = useQuery(saesQuery(model.name)).data?.items ?? [];
  if (saes.length === 0) return null;
  return (
    <Card title="SAEs trained on it">
      <ul className="divide-y divide-line">
        {saes.map((sae) => (
          <li key={sae.id} className="flex flex-wrap justify-between gap-x-4 py-2">
            <Link to={`/saes/${sae.id}`} className="text-ink hover:text-accent hover:underline">
              {sae.name}
            </Link>
            <span className="text-sm text-ink-3">
              {sae.hook} · {count(sae.d_sae)} latents
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Delete({ model }: { model: Model }) {
  const remove = useDelete();
  return (
    <DeleteButton what={`the model ${model.name}`} to="/models" onDelete={() => remove.mutateAsync(model)}>
      Its weights are removed from the studio. SAEs that were trained on it are kept, and cannot be used without it.
    </DeleteButton>
  );
}
