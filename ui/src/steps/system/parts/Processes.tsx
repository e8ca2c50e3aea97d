import { Link } from "react-router";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { bytes, number } from "@/kit/format";
import type { Sample } from "../queries";

type Process = Sample["processes"][number];

const columns: readonly Column<Process>[] = [
  {
    id: "name",
    header: "Process",
    cell: (each) =>
      each.job_id === null ? (
        each.name
      ) : (
        <Link to={`/jobs/${each.job_id}`} className="hover:text-accent hover:underline">
          Job
        </Link>
      ),
    sort: (each) => each.name,
  },
  {
    id: "memory",
    header: "Memory",
    definition: "What it holds in memory now; pages that several processes share are counted in each.",
    cell: (each) => bytes(each.memory_bytes),
    sort: (each) => each.memory_bytes,
    firstOrder: "desc",
    align: "right",
  },
  {
    id: "cpu",
    header: "Processor",
    definition: "Share of one core; above 100 % it uses several.",
    cell: (each) => `${number(each.cpu_percent, 3)} %`,
    sort: (each) => each.cpu_percent,
    firstOrder: "desc",
    align: "right",
  },
];

/** The studio's own processes. */
export function Processes({ processes }: { processes: readonly Process[] }) {
  const sum = processes.reduce((total, each) => total + each.memory_bytes, 0);
  return (
    <Card title="The studio's processes" description={`Together ${bytes(sum)} of memory.`} flush>
      <DataTable
        label="Processes"
        columns={columns}
        rows={processes}
        rowKey={(each) => String(each.pid)}
        sort={{ id: "memory", order: "desc" }}
        empty={<EmptyState title="No processes">The machine does not say which processes run.</EmptyState>}
      />
    </Card>
  );
}
