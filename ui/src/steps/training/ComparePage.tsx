import { useQueries } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";
import { useLive } from "@/api/live";
import { StatusBadge } from "@/kit/Badge";
import { ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { ErrorState } from "@/kit/ErrorState";
import { count, number, percent, short } from "@/kit/format";
import { Page } from "@/kit/Page";
import { Skeleton } from "@/kit/Skeleton";
import { Segments } from "@/kit/Tabs";
import { architectures } from "./architectures";
import { type Along, ComparedCurves, MOST } from "./parts/ComparedCurves";
import { curvesQuery, type Training, trainingQuery } from "./queries";

const crumbs = [{ text: "Training", to: "/training" }];

/** The curves of several trainings, laid over one another; those that run grow as one looks on. */
export default function ComparePage() {
  const [view, setView] = useSearchParams();
  const ids = (view.get("ids") ?? "").split(",").filter((id) => id !== "");
  const shown = ids.slice(0, MOST);
  const along: Along = view.get("along") === "step" ? "step" : "tokens";
  const trainings = useQueries({ queries: shown.map((id) => trainingQuery(id)) });
  const curves = useQueries({ queries: shown.map((id) => curvesQuery(id)) });
  const failed = [...trainings, ...curves].find(({ error }) => error !== null);
  const known = trainings.flatMap(({ data }) => data ?? []);
  const runs = shown.flatMap((id, place) => {
    const [training, found] = [trainings[place]?.data, curves[place]?.data];
    return training && found ? [{ id, name: training.name, color: colorAt(place), curves: found }] : [];
  });
  if (shown.length < 2)
    return (
      <Page title="Compare trainings" crumbs={crumbs}>
        <Card>
          <EmptyState
            title="Nothing to compare yet"
            actions={
              <ButtonLink to="/training" variant="primary">
                Choose trainings
              </ButtonLink>
            }
          >
            Choose two or more trainings in the table, with their boxes or the space bar, then press “Compare”.
          </EmptyState>
        </Card>
      </Page>
    );
  return (
    <Page
      title="Compare trainings"
      crumbs={crumbs}
      description="Their curves over one another. Those that run grow as you look on."
      actions={
        <Segments
          label="Along"
          value={along}
          onChange={(next) =>
            setView(
              (before) => {
                before.set("along", next);
                return before;
              },
              { replace: true },
            )
          }
          options={[
            { value: "tokens", label: "By tokens" },
            { value: "step", label: "By step" },
          ]}
        />
      }
    >
      {shown.map((id) => (
        <Live key={id} id={id} />
      ))}
      <div className="grid grid-cols-1 gap-4">
        {ids.length > MOST && (
          <p role="status" className="text-sm text-ink-2">
            The first {MOST} of {ids.length} are shown: more lines than that cannot be told apart.
          </p>
        )}
        {failed?.error ? (
          <ErrorState error={failed.error} onRetry={() => void failed.refetch()} />
        ) : runs.length < shown.length ? (
          <Skeleton className="h-96 rounded-xl" />
        ) : (
          <ComparedCurves runs={runs} along={along} />
        )}
        <Card flush title="Where they stand" description="The last line of each one’s log.">
          <DataTable
            label="Trainings compared"
            columns={columns(shown)}
            rows={known}
            rowKey={({ id }) => id}
            href={({ id }) => `/training/${id}`}
            sort={{ id: "fvu", order: "asc" }}
            empty={<p className="p-5 text-ink-3">Loading…</p>}
          />
        </Card>
        <p className="text-sm text-ink-3">
          Numbers of training batches. To choose between SAEs,{" "}
          <Link to="/saes/compare" className="underline hover:text-accent">
            compare their evaluations
          </Link>
          , on text that none was trained on.
        </p>
      </div>
    </Page>
  );
}

const colorAt = (place: number) => (place + 1) as 1 | 2 | 3 | 4 | 5 | 6;

/** Hears one training's events: a hook cannot be called once for each of a list. */
function Live({ id }: { id: string }) {
  useLive(`trainings/${id}`);
  return null;
}

const columns = (ids: readonly string[]): readonly Column<Training>[] => [
  {
    id: "name",
    header: "Training",
    cell: (each) => (
      <span className="flex items-center gap-2">
        <span
          aria-hidden
          className="h-0.5 w-4 shrink-0 rounded-full"
          style={{ background: `var(--series-${ids.indexOf(each.id) + 1})` }}
        />
        {each.name}
      </span>
    ),
    sort: ({ name }) => name,
    width: "minmax(13rem, 2fr)",
  },
  { id: "state", header: "State", cell: (each) => <StatusBadge state={each.state} />, width: "9rem" },
  {
    id: "architecture",
    header: "Architecture",
    cell: ({ config }) => architectures[config.sae.architecture]?.name ?? config.sae.architecture,
    width: "minmax(8rem, 1fr)",
  },
  { id: "d_sae", header: "Latents", cell: (each) => count(each.d_sae), align: "right", width: "6rem" },
  { id: "lr", header: "Learning rate", cell: (each) => number(each.learning_rate), align: "right", width: "7.5rem" },
  { id: "tokens", header: "Tokens", cell: (each) => short(each.tokens), align: "right", width: "5.5rem" },
  {
    id: "fvu",
    header: "FVU",
    definition: "Fraction of the variance that the SAE does not explain, of the last batch; smaller is better.",
    cell: (each) => number(each.last_line?.fvu),
    sort: (each) => each.last_line?.fvu ?? null,
    align: "right",
    width: "5.5rem",
  },
  {
    id: "l0",
    header: "L0",
    definition: "Active latents per token.",
    cell: (each) => number(each.last_line?.l0),
    sort: (each) => each.last_line?.l0 ?? null,
    align: "right",
    width: "5rem",
  },
  {
    id: "dead",
    header: "Dead",
    definition: "Share of the latents that have not been active for long.",
    cell: (each) => percent(each.last_line?.dead_share),
    sort: (each) => each.last_line?.dead_share ?? null,
    align: "right",
    width: "5.5rem",
  },
];
