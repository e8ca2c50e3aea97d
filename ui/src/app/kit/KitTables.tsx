import { Database } from "lucide-react";
import { useMemo, useState } from "react";
import { StatusBadge } from "@/kit/Badge";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { type Column, DataTable, type Sort } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import * as format from "@/kit/format";
import { Sparkline } from "@/kit/Sparkline";

interface Row {
  latent: number;
  label: string;
  density: number;
  max: number;
}

const TOTAL = 1_000_000;
const labels = ["the ends of quotations", "names of animals", "past-tense verbs", "numbers of years", "weather"];

const seen = new Map<number, Row>();

// A row is made when it is first looked at, as a server would send it, and then kept.
function rowAt(latent: number): Row {
  const known = seen.get(latent) ?? make(latent);
  seen.set(latent, known);
  return known;
}

function make(latent: number): Row {
  const noise = Math.abs(Math.sin(latent * 12.9898) * 43758.5453) % 1;
  return {
    latent,
    label: labels[latent % labels.length] ?? "",
    density: 10 ** (-1 - 4 * noise),
    max: 2 + 30 * ((noise * 7) % 1),
  };
}

const columns: readonly Column<Row>[] = [
  { id: "latent", header: "Latent", cell: (row) => `#${row.latent}`, sort: true, width: "8rem" },
  { id: "label", header: "Label", cell: (row) => row.label, width: "minmax(14rem, 3fr)" },
  {
    id: "density",
    header: "Density",
    definition: "Share of all tokens on which the latent fires.",
    cell: (row) => format.percent(row.density),
    sort: true,
    firstOrder: "desc",
    align: "right",
  },
  {
    id: "max",
    header: "Max activation",
    cell: (row) => format.number(row.max),
    sort: true,
    align: "right",
    width: "minmax(9rem, 1fr)",
  },
  {
    id: "shape",
    header: "Shape",
    cell: (row) => (
      <Sparkline
        label="Activations"
        values={Array.from({ length: 16 }, (_, bin) => Math.exp(-bin * row.density * 40))}
        format={format.number}
      />
    ),
    width: "9rem",
  },
];

interface Run {
  id: string;
  name: string;
  state: string;
  seconds: number | null;
}

const runs: readonly Run[] = [
  { id: "a", name: "stories-l2-topk", state: "running", seconds: null },
  { id: "b", name: "stories-l1-topk", state: "completed", seconds: 732 },
  { id: "c", name: "gpt2-l6-topk", state: "completed_with_errors", seconds: 5400 },
  { id: "d", name: "pythia-l3", state: "failed", seconds: 41 },
];

const runColumns: readonly Column<Run>[] = [
  { id: "name", header: "Name", cell: (run) => run.name, sort: (run) => run.name, width: "minmax(12rem, 2fr)" },
  { id: "state", header: "State", cell: (run) => <StatusBadge state={run.state} />, width: "13rem" },
  {
    id: "seconds",
    header: "Took",
    cell: (run) => format.duration(run.seconds),
    sort: (run) => run.seconds,
    align: "right",
  },
];

const empty = (
  <EmptyState icon={Database} title="No datasets yet" actions={<Button variant="primary">Add a dataset</Button>}>
    A dataset is text that a model reads while its activations are recorded. Add one from a file or a repository.
  </EmptyState>
);

export function KitTables() {
  const [sort, setSort] = useState<Sort>({ id: "latent", order: "asc" });
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set(["b"]));
  const million = useMemo(
    () => ({
      total: TOTAL,
      rowAt: (index: number) => rowAt(sort.order === "asc" ? index : TOTAL - 1 - index),
      onRange: () => undefined,
    }),
    [sort],
  );
  const key = (run: Run) => run.id;
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Card flush title="A million rows" description="Only those in sight are drawn." className="lg:col-span-2">
        <DataTable
          label="Features"
          columns={columns}
          rows={million}
          rowKey={(row) => String(row.latent)}
          href={(row) => `/__kit?latent=${row.latent}`}
          sort={sort}
          onSort={setSort}
          empty={empty}
          maxHeight="22rem"
        />
      </Card>
      <Card flush title="Rows that can be chosen" description={`${selected.size} chosen`}>
        <DataTable
          label="Trainings"
          columns={runColumns}
          rows={runs}
          rowKey={key}
          onOpen={() => undefined}
          selected={selected}
          onSelect={setSelected}
          sort={{ id: "name", order: "asc" }}
          empty={empty}
        />
      </Card>
      <Card flush title="Nothing in it">
        <DataTable label="Datasets" columns={runColumns} rows={[]} rowKey={key} empty={empty} />
      </Card>
      <Card flush title="On its way">
        <DataTable label="Trainings" columns={runColumns} rows={[]} rowKey={key} empty={empty} loading />
      </Card>
      <Card flush title="Failed">
        <DataTable
          label="The trainings"
          columns={runColumns}
          rows={[]}
          rowKey={key}
          empty={empty}
          error={{
            message: "The database does not answer.",
            remedy: "Look at mistudio status, then try again.",
            requestId: "req_4f1c",
          }}
          onRetry={() => undefined}
        />
      </Card>
    </div>
  );
}
