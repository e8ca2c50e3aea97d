import { BrainCircuit, Plus } from "lucide-react";
import { usePages } from "@/api/usePages";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { bytes, count } from "@/kit/format";
import { SearchInput } from "@/kit/inputs";
import { Name } from "@/kit/Name";
import { Page } from "@/kit/Page";
import { RelativeTime } from "@/kit/RelativeTime";
import { useView } from "@/kit/useView";
import { AddModel } from "./parts/AddModel";
import { type Model, type ModelsQuery, modelsQuery } from "./queries";

const columns: readonly Column<Model>[] = [
  { id: "name", header: "Model", cell: (each) => <Name of={each.name} />, sort: true, width: "minmax(14rem, 2fr)" },
  {
    id: "source",
    header: "From",
    cell: (each) => <span className="truncate text-ink-3">{each.source}</span>,
    width: "minmax(10rem, 2fr)",
  },
  {
    id: "n_layers",
    header: "Layers",
    definition: "Blocks of attention and MLP, one after the other.",
    cell: (each) => count(each.n_layers),
    sort: true,
    firstOrder: "desc",
    align: "right",
    width: "6rem",
  },
  {
    id: "d_model",
    header: "Width",
    definition: "d_model: numbers in the residual stream at each token.",
    cell: (each) => count(each.d_model),
    sort: true,
    firstOrder: "desc",
    align: "right",
    width: "6rem",
  },
  {
    id: "vocab_size",
    header: "Vocabulary",
    definition: "Tokens that it can write.",
    cell: (each) => count(each.vocab_size),
    sort: true,
    firstOrder: "desc",
    align: "right",
    width: "8rem",
  },
  {
    id: "bytes",
    header: "Size",
    cell: (each) => bytes(each.bytes),
    sort: true,
    firstOrder: "desc",
    align: "right",
    width: "7rem",
  },
  {
    id: "created_at",
    header: "Added",
    cell: (each) => <RelativeTime at={each.created_at} />,
    sort: true,
    firstOrder: "desc",
    width: "9rem",
  },
];

export default function ModelsPage() {
  const { get, search, sort, change } = useView();
  const { rows, isLoading, error, retry } = usePages((page, limit) =>
    modelsQuery({
      ...(search === "" ? {} : { search }),
      sortBy: sort.id as NonNullable<ModelsQuery["sortBy"]>,
      order: sort.order,
      page,
      limit,
    }),
  );
  const add = (
    <Button variant="primary" icon={Plus} onClick={() => change({ add: "1" })}>
      Add a model
    </Button>
  );
  return (
    <Page
      title="Models"
      description="Language models whose inside can be opened: any causal model of the Hugging Face Hub, a directory, or a GGUF file."
      actions={add}
    >
      <div className="mb-4 w-64">
        <SearchInput label="Search by name" value={search} onChange={(text) => change({ search: text })} />
      </div>
      <Card flush>
        <DataTable
          label="Models"
          columns={columns}
          rows={rows}
          rowKey={(each) => each.id}
          href={(each) => `/models/${each.id}`}
          sort={sort}
          onSort={({ id, order }) => change({ sort: id, order })}
          loading={isLoading}
          error={error}
          onRetry={retry}
          empty={
            <EmptyState icon={BrainCircuit} title={search === "" ? "No models yet" : "No such model"} actions={add}>
              Begin with a small one: everything is faster, and what one learns carries over.
            </EmptyState>
          }
        />
      </Card>
      <AddModel open={get("add") === "1"} onClose={() => change({ add: "" })} />
    </Page>
  );
}
