import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { ApiError } from "@/api/errors";
import { openapiQuery } from "@/api/schemas";
import { ErrorState } from "@/kit/ErrorState";
import { defaultsOf, type FormValues, problemsOf } from "@/kit/formValues";
import { fieldsOf } from "@/kit/jsonSchema";
import { Page } from "@/kit/Page";
import { SkeletonPage } from "@/kit/Skeleton";
import { estimateQuery, modelsQuery, type Template, templatesQuery, tokenizationsQuery, useStart } from "./newQueries";
import { EstimateCard } from "./parts/EstimateCard";
import { OptionsCard } from "./parts/OptionsCard";
import { Preparation } from "./parts/Preparation";
import { SourceCard } from "./parts/SourceCard";
import { StartCard } from "./parts/StartCard";
import type { TrainRequest } from "./queries";
import { useChoice } from "./useChoice";

const crumbs = [{ text: "Training", to: "/training" }];

export default function NewTrainingPage() {
  const document = useQuery(openapiQuery);
  if (document.isPending) return <SkeletonPage />;
  if (document.error)
    return (
      <Page title="Train an SAE" crumbs={crumbs}>
        <ErrorState error={document.error} onRetry={() => void document.refetch()} />
      </Page>
    );
  return <Form fields={fieldsOf(document.data.components.schemas.TrainConfig ?? {}, document.data)} />;
}

/** A template that the address names is in use from the start. */
function useTemplateOfAddress(): Template | undefined {
  const [view] = useSearchParams();
  return useQuery(templatesQuery).data?.find(({ id }) => id === view.get("template"));
}

function Form({ fields }: { fields: ReturnType<typeof fieldsOf> }) {
  const navigate = useNavigate();
  const [choice, change] = useChoice();
  const [values, setValues] = useState<FormValues>(() => defaultsOf(fields));
  const [template, setTemplate] = useState<string | null>(null);
  const asked = useTemplateOfAddress();
  const [applied, setApplied] = useState(false);
  if (asked && !applied) {
    setApplied(true);
    setTemplate(asked.name);
    setValues({ ...values, ...asked.config.train });
  }
  const [name, setName] = useState("");
  const models = useQuery(modelsQuery).data?.items ?? [];
  const tokenizations = useQuery(tokenizationsQuery).data?.items ?? [];
  const start = useStart();
  const problems = problemsOf(fields, values);

  const model = models.find(({ id }) => id === choice.model);
  const tokenization = tokenizations.find(
    (each) => each.dataset?.id === choice.dataset && each.model?.id === choice.model,
  );
  const needsTokens = choice.from === "model" && model && choice.dataset !== null && !tokenization;
  const request = ((): TrainRequest | null => {
    if (Object.keys(problems).length > 0) return null;
    const common = {
      kind: "train" as const,
      config: values as TrainRequest["config"],
      name: name === "" ? null : name,
    };
    if (choice.from === "recording")
      return choice.recording === null
        ? null
        : { ...common, recording_ids: [choice.recording], hook: choice.site.includes(".") ? choice.site : null };
    if (!model || !tokenization) return null;
    const hook = `${choice.site}.${choice.layer ?? Math.floor(model.n_layers / 2)}`;
    return { ...common, recording_ids: [], model_id: model.id, tokenization_id: tokenization.id, hook };
  })();
  const estimate = useQuery(estimateQuery(useDeferredValue(request)));
  const refused = start.error instanceof ApiError ? start.error.fields("config") : {};

  return (
    <Page
      title="Train an SAE"
      crumbs={crumbs}
      description="A sparse autoencoder learns to write each of the model's activations as a sum of a few latents out of thousands."
    >
      <div className="grid gap-4">
        <SourceCard choice={choice} change={change} />
        {needsTokens && choice.dataset !== null && (
          <Preparation choice={{ ...choice, model: model.id, dataset: choice.dataset }} change={change} />
        )}
        <OptionsCard
          fields={fields}
          values={values}
          onChange={(next) => {
            setTemplate(null);
            setValues(next);
          }}
          errors={{ ...problems, ...refused }}
          template={template}
          onTemplate={(chosen, next) => {
            setTemplate(chosen);
            setValues(next);
          }}
        />
        <EstimateCard
          estimate={request === null ? undefined : estimate.data}
          error={request === null ? null : estimate.error}
          waiting={request !== null && estimate.isPending}
        />
        <StartCard
          name={name}
          onName={setName}
          request={request}
          fits={estimate.data?.fits ?? true}
          busy={start.isPending}
          error={start.error}
          onStart={(whole) =>
            start.mutate(whole, { onSuccess: (training) => void navigate(`/training/${training.id}`) })
          }
        />
      </div>
    </Page>
  );
}
