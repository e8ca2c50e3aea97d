import { useQuery } from "@tanstack/react-query";
import { Boxes, SlidersHorizontal, Star } from "lucide-react";
import { useMemo, useRef } from "react";
import { Link, useParams } from "react-router";
import { usePages } from "@/api/usePages";
import { Button, ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { ErrorState } from "@/kit/ErrorState";
import { count, plural } from "@/kit/format";
import { hookInWords } from "@/kit/hookPoint";
import { KeyHint } from "@/kit/KeyHint";
import { Page } from "@/kit/Page";
import { SkeletonPage } from "@/kit/Skeleton";
import { Explained } from "@/kit/Tooltip";
import { useKeys } from "@/kit/useKeys";
import { columnsOf } from "./parts/columns";
import { DeleteSet } from "./parts/DeleteSet";
import { Filters } from "./parts/Filters";
import { type Feature, type FeatureSetDetail, featureSetQuery, featuresQuery, useChange } from "./queries";
import { addressOf, queryOf, useView } from "./view";

const crumbs = [{ text: "Features", to: "/features?all=1" }];

export default function FeatureSetPage() {
  const { set: id = "" } = useParams();
  const { data: set, error, isPending, refetch } = useQuery(featureSetQuery(id));
  if (isPending) return <SkeletonPage />;
  if (error)
    return (
      <Page title="Features" crumbs={crumbs}>
        <ErrorState error={error} onRetry={() => void refetch()} />
      </Page>
    );
  return (
    <Page
      wide
      title={set.name}
      crumbs={crumbs}
      description={<About set={set} />}
      actions={
        <>
          <ButtonLink to={`/steering?set=${set.id}`} icon={SlidersHorizontal}>
            Steer
          </ButtonLink>
          <DeleteSet set={set} />
        </>
      }
    >
      {set.loaded ? <Table set={set} /> : <Loading />}
    </Page>
  );
}

function About({ set }: { set: FeatureSetDetail }) {
  return (
    <>
      {count(set.alive)} of {count(set.latents)} latents{" "}
      {set.sae && (
        <>
          of the SAE{" "}
          <Link
            to={`/saes/${set.sae.id}`}
            className="text-ink-2 underline decoration-line-strong underline-offset-2 hover:text-accent"
          >
            {set.sae.name}
          </Link>{" "}
        </>
      )}
      ({hookInWords(set.hook).toLowerCase()}) were active on {plural(set.tokens, "token")} of text
      {set.tokenization && `, ${set.tokenization.name}`}. {plural(set.labelled, "label")}, {plural(set.starred, "star")}
      .
    </>
  );
}

function Loading() {
  return (
    <p role="status" className="rounded-xl border border-line bg-surface p-5 text-ink-2">
      The table is being read into the database, so that it can be sorted and searched. This page goes on by itself.
    </p>
  );
}

function Table({ set }: { set: FeatureSetDetail }) {
  const [view, change] = useView();
  const field = useRef<HTMLInputElement>(null);
  const table = useRef<HTMLDivElement>(null);
  const { mutate } = useChange(set.id);
  const columns = useMemo(
    () => columnsOf(set, (feature) => mutate({ feature, change: { starred: !feature.starred } })),
    [set, mutate],
  );
  const { rows, total, estimated, isLoading, error, retry } = usePages((page, limit) =>
    featuresQuery(set.id, { ...queryOf(view), page, limit }),
  );
  const enter = () => table.current?.querySelector<HTMLElement>("[data-index][tabindex='0']")?.focus();
  useKeys({ "/": () => field.current?.focus(), j: enter, k: enter });
  const sort = view.sort ?? (view.search === "" ? "interest" : "relevance");
  return (
    <div ref={table}>
      <Filters set={set} view={view} onChange={change} field={field} />
      <div className="mb-2 flex flex-wrap items-center justify-between gap-x-6 gap-y-1 text-sm text-ink-3">
        <span className="flex items-center gap-2">
          <span role="status">
            {isLoading ? "Looking…" : `${estimated ? "About " : ""}${plural(total, "latent")}`}
            {sort === "relevance" && ", best match first"}
          </span>
          {sort === "interest" && <ForAFirstLook />}
          {view.sort !== null && (
            <Button size="sm" variant="ghost" onClick={() => change({ sort: null, order: "desc" })}>
              {view.search === "" ? "Easiest to read first" : "Best match first"}
            </Button>
          )}
        </span>
        <span className="hidden items-center gap-4 md:flex" aria-hidden>
          <Hint keys="j" text="down" />
          <Hint keys="k" text="up" />
          <Hint keys="enter" text="open" />
          <Hint keys="s" text="star" />
          <Hint keys="/" text="search" />
        </span>
      </div>
      <Card flush>
        <DataTable<Feature>
          label="Features"
          columns={columns}
          rows={rows}
          rowKey={(feature) => String(feature.latent)}
          href={(feature) => `/features/${set.id}/${feature.latent}${addressOf(view)}`}
          keys={{ s: (feature) => mutate({ feature, change: { starred: !feature.starred } }) }}
          sort={{ id: sort, order: view.order }}
          onSort={({ id, order }) => change({ sort: id as typeof view.sort, order })}
          loading={isLoading}
          error={error}
          onRetry={retry}
          maxHeight="max(24rem, calc(100dvh - 21rem))"
          empty={
            <EmptyState
              icon={view.starred ? Star : Boxes}
              title="No such features"
              actions={
                <Button
                  onClick={() =>
                    change({ search: "", least: null, most: null, alive: null, starred: null, labelled: null })
                  }
                >
                  Show all
                </Button>
              }
            >
              No latent of this set fits all of the filters.
            </EmptyState>
          }
        />
      </Card>
    </div>
  );
}

function ForAFirstLook() {
  return (
    <Explained meaning="First come latents that are active on few tokens, in many documents, and on words that stand out from the text: a rule of thumb for where to look first. A column's title sorts otherwise.">
      easiest to read first
    </Explained>
  );
}

function Hint({ keys, text }: { keys: string; text: string }) {
  return (
    <span className="flex items-center gap-1.5">
      <KeyHint keys={keys} /> {text}
    </span>
  );
}
