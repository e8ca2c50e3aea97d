import { ChartScatter, Network, Plus } from "lucide-react";
import { usePages } from "@/api/usePages";
import { ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { count, number, percent } from "@/kit/format";
import { hookInWords } from "@/kit/hookPoint";
import { SearchInput } from "@/kit/inputs";
import { Name } from "@/kit/Name";
import { Page } from "@/kit/Page";
import { RelativeTime } from "@/kit/RelativeTime";
import { useView } from "@/kit/useView";
import { numberOf, type Sae, type SaesQuery, saesQuery } from "./queries";

const columns: readonly Column<Sae>[] = [
  { id: "name", header: "SAE", cell: (sae) => <Name of={sae.name} />, sort: true, width: "minmax(10rem, 1.5fr)" },
  {
    id: "model",
    header: "Model",
    cell: (sae) => <Name of={sae.model?.name ?? sae.model_name} />,
    width: "minmax(9rem, 1.3fr)",
  },
  {
    id: "hook",
    header: "Hook point",
    definition: "Where in the model the SAE reads: which of its streams, and at which layer.",
    cell: (sae) => hookInWords(sae.hook),
    sort: true,
    width: "minmax(15rem, 1.2fr)",
  },
  {
    id: "d_sae",
    header: "Latents",
    definition: "Directions that the SAE knows. Each is hoped to stand for one thing that the model thinks of.",
    cell: (sae) => count(sae.d_sae),
    sort: true,
    firstOrder: "desc",
    align: "right",
    width: "5.5rem",
  },
  {
    id: "k",
    header: "k",
    definition: "Latents that may be active on one token.",
    cell: (sae) => number(sae.k),
    sort: true,
    align: "right",
    width: "3.5rem",
  },
  {
    id: "fvu",
    header: "FVU",
    definition:
      "Fraction of variance unexplained: what the SAE loses of the activations. 0 is perfect, 1 is no better than always answering the mean. Of the newest evaluation, else of the last training batch.",
    cell: (sae) => number(numberOf(sae, "fvu")?.value),
    sort: true,
    align: "right",
    width: "5rem",
  },
  {
    id: "l0",
    header: "L0",
    definition: "How many latents are active on a token, on average.",
    cell: (sae) => number(numberOf(sae, "l0")?.value),
    align: "right",
    width: "4.5rem",
  },
  {
    id: "dead_share",
    header: "Dead",
    definition: "Share of the latents that were active on no token that was looked at.",
    cell: (sae) => percent(numberOf(sae, "dead_share")?.value),
    sort: true,
    align: "right",
    width: "6rem",
  },
  {
    id: "created_at",
    header: "Made",
    cell: (sae) => <RelativeTime at={sae.created_at} />,
    sort: true,
    firstOrder: "desc",
    width: "8.5rem",
  },
];

const train = (
  <ButtonLink to="/training/new" variant="primary" icon={Plus}>
    Train an SAE
  </ButtonLink>
);

export default function SaesPage() {
  const { search, sort, change } = useView();
  const { rows, isLoading, error, retry } = usePages((page, limit) =>
    saesQuery({
      ...(search === "" ? {} : { search }),
      sortBy: sort.id as NonNullable<SaesQuery["sortBy"]>,
      order: sort.order,
      page,
      limit,
    }),
  );
  return (
    <Page
      title="SAEs"
      description="A sparse autoencoder (SAE) writes each activation of a model as a sum of a few latents out of thousands. It is the lens through which features are seen and steered."
      actions={
        <>
          {rows.total > 1 && (
            <ButtonLink to="/saes/compare" icon={ChartScatter}>
              Compare
            </ButtonLink>
          )}
          {train}
        </>
      }
    >
      {(rows.total > 1 || search !== "") && (
        <div className="mb-4 w-64">
          <SearchInput label="Search by name" value={search} onChange={(text) => change({ search: text })} />
        </div>
      )}
      <Card flush>
        <DataTable
          label="SAEs"
          columns={columns}
          rows={rows}
          rowKey={(sae) => sae.id}
          href={(sae) => `/saes/${sae.id}`}
          sort={sort}
          onSort={({ id, order }) => change({ sort: id, order })}
          loading={isLoading}
          error={error}
          onRetry={retry}
          empty={
            search === "" ? (
              <EmptyState icon={Network} title="No SAEs yet" actions={train}>
                A training makes one from a model and some text. On a small model that takes minutes, also without a
                GPU.
              </EmptyState>
            ) : (
              <EmptyState icon={Network} title="No such SAEs">
                None has “{search}” in its name.
              </EmptyState>
            )
          }
        />
      </Card>
    </Page>
  );
}
