import { useQuery } from "@tanstack/react-query";
import { ListChecks } from "lucide-react";
import { usePages } from "@/api/usePages";
import { StatusBadge } from "@/kit/Badge";
import { ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { duration } from "@/kit/format";
import { SearchInput } from "@/kit/inputs";
import { Page } from "@/kit/Page";
import { Progress } from "@/kit/Progress";
import { RelativeTime } from "@/kit/RelativeTime";
import { Segments } from "@/kit/Tabs";
import { useView } from "@/kit/useView";
import { stageInWords, unitOf } from "@/kit/stage";
import { JobActions } from "./parts/JobActions";
import { countsQuery, type Group, groups, type Job, type JobsQuery, jobsQuery } from "./queries";

const columns: readonly Column<Job>[] = [
  { id: "title", header: "Job", cell: (job) => job.title, sort: true, width: "minmax(14rem, 3fr)" },
  {
    id: "state",
    header: "State",
    cell: (job) => <StatusBadge state={job.state} failed={job.failed_items} />,
    sort: true,
    width: "11rem",
  },
  { id: "progress", header: "Progress", cell: (job) => <JobProgress job={job} />, width: "minmax(12rem, 1fr)" },
  {
    id: "created_at",
    header: "Asked for",
    cell: (job) => <RelativeTime at={job.created_at} />,
    sort: true,
    firstOrder: "desc",
    width: "9rem",
  },
  {
    id: "seconds",
    header: "Took",
    definition: "From its start to its end, or until now.",
    cell: (job) => (job.seconds === null ? "–" : duration(job.seconds)),
    align: "right",
    width: "7rem",
  },
  { id: "actions", header: "Actions", cell: (job) => <JobActions job={job} compact />, align: "right", width: "7rem" },
];

export default function JobsPage() {
  const { get, search, sort, change } = useView();
  const group = (get("show") ?? "all") as Group;
  const counts = useQuery(countsQuery).data?.counts ?? {};
  const { rows, isLoading, error, retry } = usePages((page, limit) =>
    jobsQuery({
      state: [...groups[group]],
      search: search || undefined,
      sortBy: sort.id as JobsQuery["sortBy"],
      order: sort.order,
      page,
      limit,
    }),
  );
  const total = (name: Group) => groups[name].reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  return (
    <Page
      title="Jobs"
      description="Everything that takes a while runs here, in a process of its own. Closing the browser stops nothing."
    >
      <div className="mb-4 flex flex-wrap items-center gap-3">
        <Segments
          label="Which jobs"
          value={group}
          onChange={(next) => change({ show: next === "all" ? "" : next })}
          options={[
            { value: "all", label: "All" },
            { value: "active", label: `Active ${total("active")}` },
            { value: "completed", label: `Completed ${total("completed")}` },
            { value: "failed", label: `Failed or cancelled ${total("failed")}` },
          ]}
        />
        <div className="w-64">
          <SearchInput label="Search by title" value={search} onChange={(text) => change({ search: text })} />
        </div>
      </div>
      <Card flush>
        <DataTable
          label="Jobs"
          columns={columns}
          rows={rows}
          rowKey={(job) => job.id}
          href={(job) => `/jobs/${job.id}`}
          sort={sort}
          onSort={({ id, order }) => change({ sort: id, order })}
          rowHeight={48}
          loading={isLoading}
          error={error}
          onRetry={retry}
          empty={
            <EmptyState
              icon={ListChecks}
              title={group === "all" && search === "" ? "No jobs yet" : "No such jobs"}
              actions={
                <ButtonLink to="/" variant="primary">
                  Go to the road
                </ButtonLink>
              }
            >
              Adding text or a model, training and finding features are jobs: you can watch, pause and repeat them here.
            </EmptyState>
          }
        />
      </Card>
    </Page>
  );
}

function JobProgress({ job }: { job: Job }) {
  if (job.state === "failed") return <span className="truncate text-danger">{job.error?.message}</span>;
  if (job.done === null || job.stage === null || job.state === "completed" || job.state === "queued")
    return <span className="text-ink-3">–</span>;
  return (
    <div className="w-full">
      <Progress
        dense
        label={stageInWords(job.stage)}
        done={job.done}
        total={job.total}
        unit={unitOf(job.stage)}
        etaSeconds={job.eta_seconds}
        tone={job.state === "running" ? "accent" : "quiet"}
      />
    </div>
  );
}
