import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { ErrorState } from "@/kit/ErrorState";
import { dateTime } from "@/kit/format";
import { Page } from "@/kit/Page";
import { SkeletonPage } from "@/kit/Skeleton";
import { LabelReport } from "./parts/LabelReport";
import { aboutOf } from "./parts/Probings";
import { SpellingReport } from "./parts/SpellingReport";
import { probingQuery, saeQuery } from "./queries";

/** The report of one probing. */
export default function ProbingPage() {
  const { id = "", probing = "" } = useParams();
  const { data, error, isPending, refetch } = useQuery(probingQuery(id, probing));
  const sae = useQuery(saeQuery(id)).data;
  if (isPending) return <SkeletonPage />;
  const crumbs = [{ text: "SAEs", to: "/saes" }, ...(sae ? [{ text: sae.name, to: `/saes/${id}` }] : [])];
  if (error)
    return (
      <Page title="Probing" crumbs={crumbs}>
        <ErrorState error={error} onRetry={() => void refetch()} />
      </Page>
    );
  // A latent leads to its page where features were found with this SAE.
  const set = sae?.feature_set_list[0]?.id ?? null;
  return (
    <Page
      title={`Probing of ${data.sae.name}`}
      crumbs={crumbs}
      description={`For ${aboutOf(data)}, with ${data.model_name}, ${dateTime(data.created_at)}.`}
    >
      {data.labels && <LabelReport found={data.labels} set={set} />}
      {data.spelling && <SpellingReport found={data.spelling} set={set} />}
    </Page>
  );
}
