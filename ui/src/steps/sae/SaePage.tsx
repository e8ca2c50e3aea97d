import { useQuery } from "@tanstack/react-query";
import { Boxes, SlidersHorizontal } from "lucide-react";
import { Navigate, useParams, useSearchParams } from "react-router";
import { Button, ButtonLink } from "@/kit/Button";
import { ErrorState } from "@/kit/ErrorState";
import { count } from "@/kit/format";
import { hookInWords } from "@/kit/hookPoint";
import { Page } from "@/kit/Page";
import { SkeletonPage } from "@/kit/Skeleton";
import { DeleteSae } from "./parts/DeleteSae";
import { EvaluateDialog } from "./parts/EvaluateDialog";
import { Evaluations } from "./parts/Evaluations";
import { FeatureSets } from "./parts/FeatureSets";
import { FindDialog } from "./parts/FindDialog";
import { Files, MadeOf } from "./parts/MadeOf";
import { Numbers } from "./parts/Numbers";
import { ProbeDialog } from "./parts/ProbeDialog";
import { Probings } from "./parts/Probings";
import { useJobsOf, Working } from "./parts/Working";
import { type SaeDetail, saeQuery } from "./queries";

const crumbs = [{ text: "SAEs", to: "/saes" }];

export default function SaePage() {
  const { id = "" } = useParams();
  const [view, setView] = useSearchParams();
  const { data: sae, error, isPending, refetch } = useQuery(saeQuery(id));
  const finding = useJobsOf(id).some(({ kind }) => kind === "find");
  if (isPending) return <SkeletonPage />;
  if (error)
    return (
      <Page title="SAE" crumbs={crumbs}>
        <ErrorState error={error} onRetry={() => void refetch()} />
      </Page>
    );
  const show = (name: "find" | "evaluate" | "probe", value: string | null) =>
    setView(
      (before) => {
        if (value === null) before.delete(name);
        else before.set(name, value);
        return before;
      },
      { replace: true },
    );
  const set = sae.feature_set_list[0];
  // Where the report of an evaluation stood before it had a page.
  const report = view.get("evaluation");
  if (report !== null) return <Navigate to={`/saes/${id}/evaluations/${report}`} replace />;
  return (
    <Page
      title={sae.name}
      crumbs={crumbs}
      description={inWords(sae)}
      actions={
        <>
          {set ? (
            <>
              <ButtonLink to={`/features/${set.id}`} variant="primary" icon={Boxes}>
                Browse its features
              </ButtonLink>
              <ButtonLink to={`/steering?set=${set.id}`} icon={SlidersHorizontal}>
                Steer with it
              </ButtonLink>
            </>
          ) : (
            !finding && (
              <Button variant="primary" icon={Boxes} onClick={() => show("find", "1")}>
                Find features
              </Button>
            )
          )}
          <DeleteSae sae={sae} />
        </>
      }
    >
      <div className="grid grid-cols-1 gap-4">
        <Working saeId={sae.id} />
        <Numbers sae={sae} />
        <FeatureSets sae={sae} finding={finding} onFind={() => show("find", "1")} />
        <Evaluations saeId={sae.id} evaluations={sae.evaluation_list} onEvaluate={() => show("evaluate", "1")} />
        <Probings saeId={sae.id} onProbe={() => show("probe", "1")} />
        <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
          <MadeOf sae={sae} />
          <Files sae={sae} />
        </div>
      </div>
      {view.has("find") && <FindDialog sae={sae} onClose={() => show("find", null)} />}
      {view.has("evaluate") && <EvaluateDialog sae={sae} onClose={() => show("evaluate", null)} />}
      {view.has("probe") && <ProbeDialog sae={sae} onClose={() => show("probe", null)} />}
    </Page>
  );
}

/** What it is, in a sentence. */
function inWords(sae: SaeDetail): string {
  const where = hookInWords(sae.hook);
  const place = where === sae.hook ? where : where.charAt(0).toLowerCase() + where.slice(1);
  const few = sae.k === null ? "a few" : `at most ${count(sae.k)}`;
  return `It writes each activation of ${sae.model?.name ?? sae.model_name} (${place}, ${count(sae.d_in)} numbers) as a sum of ${few} of its ${count(sae.d_sae)} latents.`;
}
