import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { ApiError } from "@/api/errors";
import { openapiQuery } from "@/api/schemas";
import { ErrorState } from "@/kit/ErrorState";
import { defaultsOf, type FormValues, problemsOf } from "@/kit/formValues";
import { words } from "@/kit/format";
import { fieldsOf } from "@/kit/jsonSchema";
import { nameProblem } from "@/kit/nameProblem";
import { Page } from "@/kit/Page";
import { SkeletonPage } from "@/kit/Skeleton";
import {
  datasetsQuery,
  estimateQuery,
  modelsQuery,
  recordingsQuery,
  type Template,
  templatesQuery,
  tokenizationsQuery,
  useStart,
} from "./newQueries";
import { EstimateCard } from "./parts/EstimateCard";
import { OptionsCard } from "./parts/OptionsCard";
import { Preparation } from "./parts/Preparation";
import { SourceCard } from "./parts/SourceCard";
import { StartCard } from "./parts/StartCard";
import { labels } from "./optionNames";
import type { TrainRequest } from "./queries";
import { type Choice, useChoice } from "./useChoice";

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
  const datasets = useQuery(datasetsQuery).data?.items ?? [];
  const recordings = useQuery(recordingsQuery).data?.items ?? [];
  const [choice, choose] = useChoice({ models, datasets, recordings });
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
      name: name.trim() === "" ? null : name.trim(),
    };
    if (choice.from === "recording")
      return choice.recording === null
        ? null
        : { ...common, recording_ids: [choice.recording], hook: choice.site.includes(".") ? choice.site : null };
    if (!model || !tokenization) return null;
    const hook = `${choice.site}.${choice.layer ?? Math.floor(model.n_layers / 2)}`;
    return { ...common, recording_ids: [], model_id: model.id, tokenization_id: tokenization.id, hook };
  })();
  const misnamed = nameProblem(name.trim());
  // The estimate does not hang on the name, nor fail because of it.
  const estimate = useQuery(estimateQuery(useDeferredValue(request && { ...request, name: null })));
  const refused = start.error instanceof ApiError ? start.error.fields("config") : {};
  const missing = request === null ? missingOf(choice, problems) : null;
  // What was refused before says nothing of what is asked for now.
  const anew =
    <Value,>(set: (value: Value) => void) =>
    (value: Value) => {
      start.reset();
      set(value);
    };
  const change = anew(choose);

  return (
    <Page
      title="Train an SAE"
      crumbs={crumbs}
      description="A sparse autoencoder learns to write each of the model's activations as a sum of a few latents out of thousands."
    >
      <div className="grid grid-cols-1 gap-4">
        <SourceCard choice={choice} change={change} />
        {needsTokens && choice.dataset !== null && (
          <Preparation choice={{ ...choice, model: model.id, dataset: choice.dataset }} change={change} />
        )}
        <OptionsCard
          fields={fields}
          values={values}
          onChange={anew((next) => {
            setTemplate(null);
            setValues(next);
          })}
          errors={{ ...problems, ...refused }}
          template={template}
          onTemplate={(chosen, next) => {
            start.reset();
            setTemplate(chosen);
            setValues(next);
          }}
        />
        <EstimateCard
          estimate={request === null ? undefined : estimate.data}
          error={request === null ? null : estimate.error}
          waiting={request !== null && estimate.isPending}
          missing={missing}
        />
        <StartCard
          name={name}
          onName={anew(setName)}
          misnamed={misnamed}
          request={request}
          why={
            missing ??
            (misnamed === undefined ? null : "The name cannot be used.") ??
            (estimate.error === null ? null : "What it takes, above, says why it cannot be started.") ??
            (estimate.data?.fits === false ? "It does not fit on this machine: see above." : null)
          }
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

/** Why nothing can be asked for yet. */
function missingOf(choice: Choice, problems: Readonly<Record<string, string>>): string {
  const [wrong] = Object.entries(problems);
  if (wrong) return `Mend what is marked above first. ${labels[wrong[0]] ?? words(wrong[0])}: ${wrong[1]}`;
  if (choice.from === "recording") return "Choose a recording first.";
  if (choice.model === null) return "Choose a model first.";
  if (choice.dataset === null) return "Choose a text first.";
  return "Tokenize the text for this model first.";
}
