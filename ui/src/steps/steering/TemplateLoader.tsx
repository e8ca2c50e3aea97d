import { useQuery } from "@tanstack/react-query";
import { Navigate } from "react-router";
import { ErrorState } from "@/kit/ErrorState";
import { Page } from "@/kit/Page";
import { SkeletonPage } from "@/kit/Skeleton";
import { type Choice, paramsOf, usual } from "./choice";
import { type AnyTemplate, templateQuery } from "./queries";

/** Brings back what a template keeps, and goes there. */
export function TemplateLoader({ id }: { id: string }) {
  const { data, error, isPending, refetch } = useQuery(templateQuery(id));
  if (isPending) return <SkeletonPage />;
  if (error)
    return (
      <Page title="Steering">
        <ErrorState error={error} title="The template could not be loaded" onRetry={() => void refetch()} />
      </Page>
    );
  return <Navigate to={`/steering?${paramsOf(choiceOf(data)).toString()}`} replace />;
}

function choiceOf(template: AnyTemplate): Choice {
  if (template.kind === "prompt")
    return { set: null, edits: [], prompt: template.config.prompts[0] ?? "", writing: usual };
  if (template.kind !== "steering") return { set: null, edits: [], prompt: "", writing: usual };
  const { feature_set_id, edits, generate, prompts } = template.config;
  const { max_new_tokens, temperature, top_p, seed } = generate;
  return {
    set: feature_set_id ?? null,
    edits,
    prompt: prompts[0] ?? "",
    writing: { max_new_tokens, temperature, top_p, seed },
  };
}
