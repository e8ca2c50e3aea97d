import { useQuery, useQueryClient } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight, SlidersHorizontal, Star } from "lucide-react";
import { useEffect } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { Badge } from "@/kit/Badge";
import { ButtonLink, IconButton } from "@/kit/Button";
import { CopyButton } from "@/kit/Code";
import { ErrorState } from "@/kit/ErrorState";
import { Page } from "@/kit/Page";
import { SkeletonPage } from "@/kit/Skeleton";
import { Tooltip } from "@/kit/Tooltip";
import { useKeys } from "@/kit/useKeys";
import { Contexts } from "./parts/Contexts";
import { LabelCard } from "./parts/LabelCard";
import { Lens } from "./parts/Lens";
import { Numbers } from "./parts/Numbers";
import { TestBox } from "./parts/TestBox";
import { examplesQuery, type FeaturePage as Feature, featureQuery, triedQuery, useChange } from "./queries";
import { addressOf, queryOf, viewOf } from "./view";

export default function FeaturePage() {
  const { set = "", latent = "" } = useParams();
  const [params] = useSearchParams();
  const view = viewOf(params);
  const table = `/features/${set}${addressOf(view)}`;
  const { data, error, isPending, refetch } = useQuery(featureQuery(set, Number(latent), queryOf(view)));
  if (isPending) return <SkeletonPage />;
  if (error)
    return (
      <Page title={`Latent ${latent}`} crumbs={[{ text: "Features", to: table }]}>
        <ErrorState error={error} onRetry={() => void refetch()} />
      </Page>
    );
  return <Loaded key={data.feature.latent} page={data} table={table} />;
}

function Loaded({ page, table }: { page: Feature; table: string }) {
  const { feature, feature_set: set, neighbours } = page;
  const navigate = useNavigate();
  const client = useQueryClient();
  const [params] = useSearchParams();
  const text = params.get("text") ?? "";
  const tried = useQuery(triedQuery(set.id, feature.latent, text));
  const { mutate, mutateAsync } = useChange(set.id);
  const star = () => mutate({ feature, change: { starred: !feature.starred } });
  const to = (latent: number) => `/features/${set.id}/${latent}?${params.toString()}`;
  const go = (latent: number | null) => {
    if (latent !== null) void navigate(to(latent));
  };
  useKeys({ J: () => go(neighbours.next), K: () => go(neighbours.previous), s: star });

  // The pages that one turns to next are there before one does.
  const asked = params.toString();
  useEffect(() => {
    const query = queryOf(viewOf(new URLSearchParams(asked)));
    for (const latent of [neighbours.next, neighbours.previous]) {
      if (latent === null) continue;
      client.query(featureQuery(set.id, latent, query)).catch(nothing);
      client.query(examplesQuery(set.id, latent)).catch(nothing);
    }
  }, [client, set.id, neighbours.next, neighbours.previous, asked]);

  const dead = feature.count === 0;
  const measured = text !== "" && !tried.isPlaceholderData ? tried.data : undefined;
  return (
    <Page
      wide
      title={feature.label ?? `Latent ${feature.latent}`}
      crumbs={[{ text: set.name, to: table }]}
      description={inWords(page)}
      aside={
        <>
          {feature.label !== null && <Badge>Latent {feature.latent}</Badge>}
          {dead && <Badge tone="warn">Dead</Badge>}
          <IconButton
            name={feature.starred ? "Take the star off" : "Star"}
            keys="s"
            icon={Star}
            size="sm"
            pressed={feature.starred}
            className="[&[aria-pressed=true]_svg]:fill-current"
            onClick={star}
          />
          <CopyButton text={window.location.origin + page.permalink} name="Copy a link to this feature" />
        </>
      }
      actions={
        <>
          <IconButton
            name="Previous in the table"
            keys="K"
            icon={ChevronLeft}
            variant="secondary"
            disabled={neighbours.previous === null}
            onClick={() => go(neighbours.previous)}
          />
          <IconButton
            name="Next in the table"
            keys="J"
            icon={ChevronRight}
            variant="secondary"
            disabled={neighbours.next === null}
            onClick={() => go(neighbours.next)}
          />
          {!dead && (
            <Tooltip text={page.steering.reason} side="bottom">
              <ButtonLink
                to={`/steering?set=${set.id}&edit=${feature.latent}:add:${page.steering.strength ?? 1}`}
                variant="primary"
                icon={SlidersHorizontal}
              >
                Steer with this
              </ButtonLink>
            </Tooltip>
          )}
        </>
      }
    >
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(19rem,1fr)_2fr]">
        <div className="grid min-w-0 grid-cols-1 gap-4">
          <LabelCard feature={feature} onChange={(change) => mutateAsync({ feature, change })} />
          <Numbers page={page} tried={measured?.max} />
          <Lens lens={page.lens} />
        </div>
        <div className="grid min-w-0 grid-cols-1 gap-4">
          <TestBox
            text={text}
            tried={text === "" ? undefined : tried.data}
            busy={tried.isFetching}
            stale={tried.isPlaceholderData}
            error={text === "" ? null : tried.error}
          />
          <Contexts set={set.id} latent={feature.latent} dead={dead} />
        </div>
      </div>
    </Page>
  );
}

/** What fails beforehand is asked for again when it is needed, and told then. */
const nothing = () => undefined;

/** How often it fires, as one says it. */
function inWords({ feature, feature_set: set }: Feature): string {
  if (feature.count === 0)
    return `It was active on none of the ${set.tokens.toLocaleString("en-US")} tokens: a dead latent, or one for which this text says nothing.`;
  const every = Math.round(set.tokens / feature.count);
  const often =
    every <= 1 ? "It is active on nearly every token" : `It is active on 1 of ${every.toLocaleString("en-US")} tokens`;
  return `${often}, most of all on ${feature.top_tokens
    .slice(0, 3)
    .map((token) => `“${token.trim() === "" ? "␣" : token.trim()}”`)
    .join(", ")}.`;
}
