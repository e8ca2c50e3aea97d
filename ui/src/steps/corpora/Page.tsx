import { Database, Plus } from "lucide-react";
import { usePages } from "@/api/usePages";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { bytes, count, short } from "@/kit/format";
import { SearchInput } from "@/kit/inputs";
import { Name } from "@/kit/Name";
import { Page } from "@/kit/Page";
import { RelativeTime } from "@/kit/RelativeTime";
import { useView } from "@/kit/useView";
import { AddDataset } from "./parts/AddDataset";
import { type Dataset, type DatasetsQuery, datasetsQuery } from "./queries";

const columns: readonly Column<Dataset>[] = [
  { id: "name", header: "Data set", cell: (each) => <Name of={each.name} />, sort: true, width: "minmax(14rem, 2fr)" },
  {
    id: "sources",
    header: "From",
    cell: (each) => <span className="truncate text-ink-3">{each.sources.join(", ")}</span>,
    width: "minmax(10rem, 2fr)",
  },
  {
    id: "documents",
    header: "Documents",
    cell: (each) => count(each.documents),
    sort: true,
    firstOrder: "desc",
    align: "right",
    width: "8rem",
  },
  {
    id: "characters",
    header: "Characters",
    cell: (each) => short(each.characters),
    sort: true,
    firstOrder: "desc",
    align: "right",
    width: "8rem",
  },
  {
    id: "bytes",
    header: "Size",
    definition: "On disk, compressed.",
    cell: (each) => bytes(each.bytes),
    sort: true,
    firstOrder: "desc",
    align: "right",
    width: "7rem",
  },
  {
    id: "tokenizations",
    header: "Tokenized",
    definition: "How many times it was tokenized, for a model each.",
    cell: (each) => (each.tokenizations === 0 ? "not yet" : `${each.tokenizations} ×`),
    align: "right",
    width: "8rem",
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

export default function DatasetsPage() {
  const { get, search, sort, change } = useView();
  const { rows, isLoading, error, retry } = usePages((page, limit) =>
    datasetsQuery({
      ...(search === "" ? {} : { search }),
      sortBy: sort.id as NonNullable<DatasetsQuery["sortBy"]>,
      order: sort.order,
      page,
      limit,
    }),
  );
  const add = (
    <Button variant="primary" icon={Plus} onClick={() => change({ add: "1" })}>
      Add text
    </Button>
  );
  return (
    <Page
      title="Datasets"
      description="The text that models read: from your files, or from the Hugging Face Hub."
      actions={add}
    >
      <div className="mb-4 w-64">
        <SearchInput label="Search by name" value={search} onChange={(text) => change({ search: text })} />
      </div>
      <Card flush>
        <DataTable
          label="Data sets"
          columns={columns}
          rows={rows}
          rowKey={(each) => each.id}
          href={(each) => `/datasets/${each.id}`}
          sort={sort}
          onSort={({ id, order }) => change({ sort: id, order })}
          loading={isLoading}
          error={error}
          onRetry={retry}
          empty={
            <EmptyState icon={Database} title={search === "" ? "No text yet" : "No such data set"} actions={add}>
              Upload a file, name a folder of text files, or name a data set of the Hub. A few megabytes are enough to
              begin.
            </EmptyState>
          }
        />
      </Card>
      <AddDataset open={get("add") === "1"} onClose={() => change({ add: "" })} />
    </Page>
  );
}
