import { useQuery } from "@tanstack/react-query";
import { Network } from "lucide-react";
import { useSearchParams } from "react-router";
import { Badge } from "@/kit/Badge";
import { ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { ErrorState } from "@/kit/ErrorState";
import { count, number, percent, plural } from "@/kit/format";
import { hookInWords } from "@/kit/hookPoint";
import { Page } from "@/kit/Page";
import { Scatter } from "@/kit/Scatter";
import { Select } from "@/kit/Select";
import { SkeletonPage } from "@/kit/Skeleton";
import { frontier, type Standing, standingsOf } from "./pareto";
import { type Sae, saesQuery } from "./queries";

const crumbs = [{ text: "SAEs", to: "/saes" }];
const placeOf = (sae: Sae) => `${sae.model?.name ?? sae.model_name} · ${hookInWords(sae.hook)}`;

/** Evaluated SAEs of one hook point: faithful against sparse. */
export default function CompareSaesPage() {
  const [view, setView] = useSearchParams();
  const { data, error, isPending, refetch } = useQuery(saesQuery({ limit: 500 }));
  if (isPending) return <SkeletonPage />;
  if (error)
    return (
      <Page title="Compare SAEs" crumbs={crumbs}>
        <ErrorState error={error} onRetry={() => void refetch()} />
      </Page>
    );
  const places = new Map<string, Sae[]>();
  for (const sae of data.items) places.set(placeOf(sae), [...(places.get(placeOf(sae)) ?? []), sae]);
  const most = [...places].sort(([, a], [, b]) => standingsOf(b).length - standingsOf(a).length);
  const place = most.find(([name]) => name === view.get("at"))?.[0] ?? most[0]?.[0];
  const saes = places.get(place ?? "") ?? [];
  const standings = standingsOf(saes);
  const texts = new Set(
    standings.map(({ sae }) => `${sae.newest_evaluation?.tokenization?.id} ${sae.newest_evaluation?.config.split}`),
  );
  const missing = saes.length - standings.length;
  return (
    <Page
      title="Compare SAEs"
      crumbs={crumbs}
      description="Fewer active latents are easier to read, more explain more. The best at each number of active latents lie on the dashed line; the others are beaten by one of them."
      actions={
        most.length > 1 && (
          <Select
            aria-label="Of which hook point"
            className="w-96 max-w-full"
            value={place ?? null}
            onChange={(at) => setView({ at }, { replace: true })}
            options={most.map(([name, some]) => ({ value: name, label: `${name} (${plural(some.length, "SAE")})` }))}
          />
        )
      }
    >
      {standings.length === 0 ? (
        <Card>
          <EmptyState
            icon={Network}
            title="No SAE of this hook point is measured yet"
            actions={
              <ButtonLink to="/saes" variant="primary">
                Open the SAEs
              </ButtonLink>
            }
          >
            SAEs are compared by their evaluations, on text that none was trained on. Open an SAE and press “Measure
            it”.
          </EmptyState>
        </Card>
      ) : (
        <Standings standings={standings} mixed={texts.size > 1} missing={missing} />
      )}
    </Page>
  );
}

function Standings({ standings, mixed, missing }: { standings: readonly Standing[]; mixed: boolean; missing: number }) {
  const groups = [...new Set(standings.map(({ sae }) => sae.architecture))].sort();
  const byFvu = frontier(standings, ({ fvu }) => fvu);
  const byLoss = frontier(standings, ({ recovered }) => (recovered === null ? null : -recovered));
  const dot = ({ sae, l0 }: Standing, y: number, best: Set<string>) => ({
    key: sae.id,
    x: l0,
    y,
    name: sae.name,
    group: sae.architecture,
    best: best.has(sae.id),
    to: `/saes/${sae.id}`,
    detail: `${sae.architecture}, ${count(sae.d_sae)} latents`,
  });
  const l0 = { name: "L0: active latents per token" };
  const recovered = standings.filter((each) => each.recovered !== null);
  return (
    <div className="grid grid-cols-1 gap-4">
      {mixed && (
        <p role="status" className="rounded-xl border border-line bg-warn-soft p-4 text-sm text-ink">
          These were not all measured on the same text: small differences may be the text’s. Measure them on one text to
          compare closely.
        </p>
      )}
      <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
        <Card>
          <Scatter
            label="FVU: variance not explained. Lower is better"
            dots={standings.map((each) => dot(each, each.fvu, byFvu))}
            groups={groups}
            x={l0}
            y={{ name: "FVU" }}
          />
        </Card>
        <Card>
          <Scatter
            label="Loss recovered. Higher is better"
            dots={recovered.map((each) => dot(each, each.recovered ?? 0, byLoss))}
            groups={groups}
            x={l0}
            y={{ name: "Loss recovered", format: percent }}
            nothing="Cross-entropies were left out of these evaluations."
          />
        </Card>
      </div>
      <Card
        flush
        title="All of them"
        description={missing > 0 ? `${plural(missing, "more SAE")} of this hook point not measured yet.` : undefined}
      >
        <DataTable
          label="SAEs compared"
          columns={columns(byFvu, byLoss)}
          rows={standings}
          rowKey={({ sae }) => sae.id}
          href={({ sae }) => `/saes/${sae.id}`}
          sort={{ id: "l0", order: "asc" }}
          empty={null}
        />
      </Card>
    </div>
  );
}

const columns = (byFvu: Set<string>, byLoss: Set<string>): readonly Column<Standing>[] => [
  { id: "name", header: "SAE", cell: ({ sae }) => sae.name, sort: ({ sae }) => sae.name, width: "minmax(11rem, 2fr)" },
  {
    id: "best",
    header: "Best at its L0",
    definition: "No other SAE here has as few active latents and a better value.",
    cell: ({ sae }) => (
      <span className="flex gap-1">
        {byFvu.has(sae.id) && <Badge tone="accent">FVU</Badge>}
        {byLoss.has(sae.id) && <Badge tone="info">Loss</Badge>}
      </span>
    ),
    width: "8.5rem",
  },
  {
    id: "architecture",
    header: "Architecture",
    cell: ({ sae }) => sae.architecture,
    sort: ({ sae }) => sae.architecture,
    width: "8rem",
  },
  {
    id: "d_sae",
    header: "Latents",
    cell: ({ sae }) => count(sae.d_sae),
    sort: ({ sae }) => sae.d_sae,
    align: "right",
    width: "6rem",
  },
  {
    id: "l0",
    header: "L0",
    definition: "Active latents per token, on average.",
    cell: ({ l0 }) => number(l0),
    sort: ({ l0 }) => l0,
    align: "right",
    width: "5rem",
  },
  {
    id: "fvu",
    header: "FVU",
    definition: "Fraction of variance unexplained; lower is better.",
    cell: ({ fvu }) => number(fvu),
    sort: ({ fvu }) => fvu,
    align: "right",
    width: "5.5rem",
  },
  {
    id: "recovered",
    header: "Loss recovered",
    definition:
      "Of what the model loses in prediction when the activations are replaced by their mean, the SAE keeps this share.",
    cell: ({ recovered }) => percent(recovered),
    sort: ({ recovered }) => recovered,
    firstOrder: "desc",
    align: "right",
    width: "9rem",
  },
  {
    id: "dead",
    header: "Dead",
    definition: "Share of the latents that were active on no token that was looked at.",
    cell: ({ dead }) => percent(dead),
    sort: ({ dead }) => dead,
    align: "right",
    width: "6rem",
  },
  {
    id: "text",
    header: "Measured on",
    cell: ({ sae }) => sae.newest_evaluation?.dataset?.name ?? "text that is gone",
    width: "minmax(9rem, 1fr)",
  },
];
