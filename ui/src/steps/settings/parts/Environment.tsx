import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { Words } from "@/kit/Words";
import type { Settings } from "../queries";

type Setting = Settings["environment"][number];

const columns: readonly Column<Setting>[] = [
  {
    id: "variable",
    header: "Variable",
    cell: (each) => <code className="font-mono text-xs">{each.variable}</code>,
    width: "minmax(14rem, 1fr)",
  },
  {
    id: "value",
    header: "Value",
    cell: (each) => <span className="truncate text-ink-2">{shown(each)}</span>,
    width: "minmax(10rem, 1fr)",
  },
  {
    id: "meaning",
    header: "Meaning",
    cell: (each) => (
      <span className="truncate text-ink-3">
        <Words>{each.description}</Words>
      </span>
    ),
    width: "minmax(18rem, 3fr)",
  },
];

/** What only the environment of `mistudio up` decides. */
export function Environment({ settings }: { settings: readonly Setting[] }) {
  return (
    <Card
      title="Decided at the start"
      description="Environment variables of `mistudio up`: stop the studio, set them, and start it again."
      flush
    >
      <DataTable
        label="Environment"
        columns={columns}
        rows={settings}
        rowKey={(each) => each.variable}
        maxHeight="none"
        empty={<EmptyState title="None">The studio tells of no variables.</EmptyState>}
      />
    </Card>
  );
}

function shown({ variable, value }: Setting): string {
  if (value === null && variable === "DATABASE_URL") return "not set: its own PostgreSQL";
  if (value === null || value === "") return "not set";
  return typeof value === "string" ? value : JSON.stringify(value);
}
