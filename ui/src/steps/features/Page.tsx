import { useQuery } from "@tanstack/react-query";
import { Boxes } from "lucide-react";
import { Navigate, useSearchParams } from "react-router";
import { ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { count, percent } from "@/kit/format";
import { hookInWords } from "@/kit/hookPoint";
import { Name } from "@/kit/Name";
import { Page } from "@/kit/Page";
import { RelativeTime } from "@/kit/RelativeTime";
import { type FeatureSet, featureSetsQuery } from "./queries";

const columns: readonly Column<FeatureSet>[] = [
  {
    id: "name",
    header: "Feature set",
    cell: (set) => <Name of={set.name} />,
    sort: (set) => set.name,
    width: "minmax(11rem, 2fr)",
  },
  {
    id: "sae",
    header: "SAE",
    cell: (set) => <Name of={set.sae?.name ?? "gone"} />,
    sort: (set) => set.sae?.name ?? null,
  },
  {
    id: "hook",
    header: "Hook point",
    definition: "Where in the model the SAE reads.",
    cell: (set) => hookInWords(set.hook),
    width: "minmax(15rem, 1fr)",
  },
  {
    id: "alive",
    header: "Living latents",
    definition: "Latents that are active on at least one token of the text, out of all.",
    cell: (set) => `${count(set.alive)} of ${count(set.latents)} (${percent(set.alive / set.latents)})`,
    sort: (set) => set.alive,
    align: "right",
    width: "minmax(13rem, 1fr)",
  },
  {
    id: "tokens",
    header: "Tokens read",
    cell: (set) => count(set.tokens),
    sort: (set) => set.tokens,
    align: "right",
    width: "8rem",
  },
  {
    id: "made",
    header: "Found",
    cell: (set) => <RelativeTime at={set.created_at} />,
    sort: (set) => set.created_at,
    width: "8.5rem",
  },
];

/** All feature sets; where there is one only, that one. */
export default function FeatureSetsPage() {
  const [view] = useSearchParams();
  const { data, isPending, error, refetch } = useQuery(featureSetsQuery);
  const only = data?.items.length === 1 ? data.items[0] : undefined;
  if (only && !view.has("all")) return <Navigate to={`/features/${only.id}`} replace />;
  return (
    <Page
      title="Features"
      description="What makes each latent of an SAE active, found by reading text: the passages, how often, how strongly. Choose a set to browse it."
    >
      <Card flush>
        <DataTable
          label="Feature sets"
          columns={columns}
          rows={data?.items ?? []}
          rowKey={(set) => set.id}
          href={(set) => `/features/${set.id}`}
          sort={{ id: "made", order: "desc" }}
          loading={isPending}
          error={error}
          onRetry={() => void refetch()}
          empty={
            <EmptyState
              icon={Boxes}
              title="No features yet"
              actions={
                <ButtonLink to="/saes" variant="primary">
                  Open the SAEs
                </ButtonLink>
              }
            >
              An SAE’s latents have no names of their own. Open an SAE and press “Find features”: it reads text and
              collects for each latent the passages in which it is active.
            </EmptyState>
          }
        />
      </Card>
    </Page>
  );
}
