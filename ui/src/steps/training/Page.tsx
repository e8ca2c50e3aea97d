import { FlaskConical, GitCompareArrows, Plus } from "lucide-react";
import { useState } from "react";
import { usePages } from "@/api/usePages";
import { StatusBadge } from "@/kit/Badge";
import { ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { number, percent } from "@/kit/format";
import { SearchInput } from "@/kit/inputs";
import { Name } from "@/kit/Name";
import { Page } from "@/kit/Page";
import { Progress } from "@/kit/Progress";
import { RelativeTime } from "@/kit/RelativeTime";
import { Segments } from "@/kit/Tabs";
import { useView } from "@/kit/useView";
import { type Training, type TrainingsQuery, trainingsQuery } from "./queries";

const groups = {
  all: [],
  active: ["queued", "running", "pausing", "paused"],
  completed: ["completed", "completed_with_errors"],
  failed: ["failed", "cancelled"],
} as const satisfies Record<string, readonly Training["state"][]>;
type Group = keyof typeof groups;

const columns: readonly Column<Training>[] = [
  { id: "name", header: "Training", cell: (each) => <Name of={each.name} />, sort: true, width: "minmax(14rem, 2fr)" },
  { id: "state", header: "State", cell: (each) => <StatusBadge state={each.state} />, sort: true, width: "10rem" },
  { id: "progress", header: "Progress", cell: (each) => <Share training={each} />, width: "minmax(8rem, 1fr)" },
  { id: "model_name", header: "Model", cell: (each) => <Name of={each.model?.name ?? each.model_name} />, sort: true },
  {
    id: "hook",
    header: "Hook point",
    definition: "Where in the model the activations are taken: its site and its layer.",
    cell: (each) => <code className="font-mono text-xs">{each.hook}</code>,
    sort: true,
    width: "9rem",
  },
  {
    id: "fvu",
    header: "FVU",
    definition: "Fraction of the variance that the SAE does not explain, of the last batch; smaller is better.",
    cell: (each) => number(each.last_line?.fvu),
    align: "right",
    width: "6rem",
  },
  {
    id: "l0",
    header: "L0",
    definition: "Active latents per token.",
    cell: (each) => number(each.last_line?.l0),
    align: "right",
    width: "5rem",
  },
  {
    id: "dead",
    header: "Dead",
    definition: "Share of the latents that have not been active for long.",
    cell: (each) => percent(each.last_line?.dead_share),
    align: "right",
    width: "6rem",
  },
  {
    id: "created_at",
    header: "Begun",
    cell: (each) => <RelativeTime at={each.created_at} />,
    sort: true,
    firstOrder: "desc",
    width: "9rem",
  },
];

export default function TrainingsPage() {
  const { get, search, sort, change } = useView();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const group = (get("show") ?? "all") as Group;
  const { rows, isLoading, error, retry } = usePages((page, limit) =>
    trainingsQuery({
      ...(group === "all" ? {} : { state: [...groups[group]] }),
      ...(search === "" ? {} : { search }),
      sortBy: sort.id as NonNullable<TrainingsQuery["sortBy"]>,
      order: sort.order,
      page,
      limit,
    }),
  );
  return (
    <Page
      title="Training"
      description="An SAE learns to take a model's activations apart into latents that one can read. Each training makes one."
      actions={
        <>
          {chosen.size > 1 && (
            <ButtonLink to={`/training/compare?ids=${[...chosen].join(",")}`} icon={GitCompareArrows}>
              Compare {chosen.size}
            </ButtonLink>
          )}
          <ButtonLink to="/training/new" variant="primary" icon={Plus}>
            Train an SAE
          </ButtonLink>
        </>
      }
    >
      <div className="mb-4 flex flex-wrap items-center gap-3">
        <Segments
          label="Which trainings"
          value={group}
          onChange={(next) => change({ show: next === "all" ? "" : next })}
          options={[
            { value: "all", label: "All" },
            { value: "active", label: "Active" },
            { value: "completed", label: "Completed" },
            { value: "failed", label: "Failed or stopped" },
          ]}
        />
        <div className="w-64">
          <SearchInput label="Search by name or model" value={search} onChange={(text) => change({ search: text })} />
        </div>
      </div>
      <Card flush>
        <DataTable
          label="Trainings"
          columns={columns}
          rows={rows}
          rowKey={(each) => each.id}
          href={(each) => `/training/${each.id}`}
          selected={chosen}
          onSelect={setChosen}
          sort={sort}
          onSort={({ id, order }) => change({ sort: id, order })}
          loading={isLoading}
          error={error}
          onRetry={retry}
          empty={
            <EmptyState
              icon={FlaskConical}
              title={group === "all" && search === "" ? "No trainings yet" : "No such trainings"}
              actions={
                <ButtonLink to="/training/new" variant="primary" icon={Plus}>
                  Train an SAE
                </ButtonLink>
              }
            >
              You need a model and some text. On a small model, a first SAE is ready in minutes, also without a GPU.
            </EmptyState>
          }
        />
      </Card>
    </Page>
  );
}

function Share({ training }: { training: Training }) {
  if (training.state === "completed") return <span className="text-ink-3">Done</span>;
  return (
    <div className="w-full">
      <Progress
        bare
        label={`Progress of ${training.name}`}
        done={training.step}
        total={training.total_steps}
        unit="steps"
        tone={training.state === "running" ? "accent" : "quiet"}
      />
    </div>
  );
}
