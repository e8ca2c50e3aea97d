import { useQuery } from "@tanstack/react-query";
import { Gauge } from "lucide-react";
import { useNavigate, useParams } from "react-router";
import { ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { EmptyState } from "@/kit/EmptyState";
import { ErrorState } from "@/kit/ErrorState";
import { dateTime } from "@/kit/format";
import { Page } from "@/kit/Page";
import { Select } from "@/kit/Select";
import { SkeletonPage } from "@/kit/Skeleton";
import { CrossEntropies } from "./parts/CrossEntropies";
import { DecoderCosines } from "./parts/DecoderCosines";
import { InShort, MeasuredOn, Rebuilt } from "./parts/EvaluationFacts";
import { Density, Stability } from "./parts/LatentCharts";
import { MetricTable } from "./parts/MetricTable";
import { saeQuery } from "./queries";

/** The report of one evaluation: charts, and what they say in plain words. */
export default function EvaluationPage() {
  const { id = "", evaluation: wanted = "" } = useParams();
  const navigate = useNavigate();
  const { data: sae, error, isPending, refetch } = useQuery(saeQuery(id));
  if (isPending) return <SkeletonPage />;
  const crumbs = [{ text: "SAEs", to: "/saes" }, ...(sae ? [{ text: sae.name, to: `/saes/${id}` }] : [])];
  if (error)
    return (
      <Page title="Evaluation" crumbs={crumbs}>
        <ErrorState error={error} onRetry={() => void refetch()} />
      </Page>
    );
  const evaluation = sae.evaluation_list.find((each) => each.id === wanted);
  const again = (
    <ButtonLink to={`/saes/${id}?evaluate=1`} icon={Gauge}>
      Measure again
    </ButtonLink>
  );
  if (!evaluation)
    return (
      <Page title="Evaluation" crumbs={crumbs} actions={again}>
        <Card>
          <EmptyState icon={Gauge} title="This evaluation is not here">
            It was removed, or the address is wrong. The page of the SAE lists those that there are.
          </EmptyState>
        </Card>
      </Page>
    );
  const { numbers } = evaluation;
  return (
    <Page
      title={`Evaluation of ${sae.name}`}
      crumbs={crumbs}
      description="How much of the model’s activations the SAE keeps, whether the model still predicts with it, and how its latents are used."
      actions={
        <>
          {sae.evaluation_list.length > 1 && (
            <Select
              aria-label="Which evaluation"
              className="w-60"
              value={evaluation.id}
              onChange={(each) => void navigate(`/saes/${id}/evaluations/${each}`, { replace: true })}
              options={sae.evaluation_list.map((each, place) => ({
                value: each.id,
                label: `${dateTime(each.created_at)}${place === 0 ? " (newest)" : ""}`,
              }))}
            />
          )}
          {again}
        </>
      }
    >
      <div className="grid grid-cols-1 gap-4">
        <InShort numbers={numbers} />
        <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
          <Card
            title="Does it rebuild the activations?"
            description="Every token read, against what the SAE makes of it."
          >
            <Rebuilt numbers={numbers} />
          </Card>
          <Card
            title="Does the model still predict?"
            description="The SAE’s version of the activations takes the place of the model’s own."
          >
            <CrossEntropies numbers={numbers} />
          </Card>
          <Card
            title="How often are latents active?"
            description="A good dictionary has many rare latents, few that are nearly always on, and few that never are."
          >
            <Density evaluation={evaluation} />
          </Card>
          <Card
            title="Do latents double one another?"
            description="Two latents that write the same direction share one meaning between them."
          >
            {evaluation.decoder_cosines ? (
              <DecoderCosines cosines={evaluation.decoder_cosines} />
            ) : (
              <p className="text-sm text-ink-3">This evaluation is older than this number. Measure again to see it.</p>
            )}
          </Card>
        </div>
        <Stability evaluation={evaluation} saeId={id} />
        <MeasuredOn evaluation={evaluation} />
        <Card title="Every number" description="With its definition, and the paper that it is from.">
          <MetricTable numbers={numbers} />
        </Card>
      </div>
    </Page>
  );
}
