import { useQueries, useQuery } from "@tanstack/react-query";
import { Plus, SlidersHorizontal } from "lucide-react";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { Button, ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { CopyButton } from "@/kit/Code";
import { EmptyState } from "@/kit/EmptyState";
import { ErrorState } from "@/kit/ErrorState";
import { Field } from "@/kit/Field";
import { hookInWords } from "@/kit/hookPoint";
import { Page } from "@/kit/Page";
import { Select } from "@/kit/Select";
import { SkeletonPage } from "@/kit/Skeleton";
import { type Choice, paramsOf, useChoice } from "./choice";
import { AddFeature } from "./parts/AddFeature";
import { Comparison } from "./parts/Comparison";
import { FeatureTile } from "./parts/FeatureTile";
import { History } from "./parts/History";
import { PromptCard } from "./parts/PromptCard";
import { Templates } from "./parts/Templates";
import { featureQuery, type FeatureSet, featureSetsQuery, type Sent, suggestionQuery } from "./queries";
import { type Run, start, stop, useRuns } from "./runs";
import { TemplateLoader } from "./TemplateLoader";

const title = "Steering";
const description =
  "Turn features up or down while the model writes, and read beside each other what it writes by itself and what it writes then.";
const colours = [1, 2, 3, 4, 5, 6].map((number) => `var(--series-${number})`);

export default function SteeringPage() {
  const [params] = useSearchParams();
  const sets = useQuery(featureSetsQuery);
  const template = params.get("template");
  if (sets.isPending) return <SkeletonPage />;
  if (sets.error)
    return (
      <Page title={title} description={description}>
        <ErrorState error={sets.error} onRetry={() => void sets.refetch()} />
      </Page>
    );
  const usable = sets.data.items.filter(({ sae }) => sae !== null);
  if (usable.length === 0)
    return (
      <Page title={title} description={description}>
        <Card>
          <EmptyState
            icon={SlidersHorizontal}
            title="Nothing to steer with yet"
            actions={
              <ButtonLink to="/saes" variant="primary">
                Open the SAEs
              </ButtonLink>
            }
          >
            Steering needs features: train an SAE, then find on some text what its latents respond to.
          </EmptyState>
        </Card>
      </Page>
    );
  if (template !== null) return <TemplateLoader id={template} />;
  return <Steering sets={usable} />;
}

function Steering({ sets }: { sets: readonly FeatureSet[] }) {
  const [choice, change] = useChoice();
  const [adding, setAdding] = useState(false);
  const [shown, setShown] = useState<number>();
  const [wrong, setWrong] = useState<readonly number[]>([]);
  const runs = useRuns(({ runs }) => runs);
  const [, setParams] = useSearchParams();
  const set = sets.find(({ id }) => id === choice.set) ?? sets[0];
  const { edits, names } = useEdits(set?.id, choice);
  const run = runs.find(({ id }) => id === shown) ?? runs[0];
  const running = runs.find(({ state }) => state === "waiting" || state === "writing");
  const missing =
    choice.edits.length === 0
      ? "Add a feature first."
      : edits === null
        ? "A feature cannot be steered with, or is still loading."
        : wrong.length > 0
          ? "Write the strength as a number."
          : null;
  return (
    <Page
      wide
      title={title}
      description={description}
      actions={
        <>
          <CopyButton size="md" text={window.location.href} name="Copy a link to these settings" />
          <Templates
            set={set}
            choice={choice}
            edits={edits}
            onLoad={(template) => setParams({ template }, { replace: true })}
          />
        </>
      }
    >
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(20rem,1fr)_2fr]">
        <Card title="What is turned">
          <div className="grid grid-cols-1 gap-4">
            <Field label="Features" description={set && about(set)}>
              {(ids) => (
                <Select
                  {...ids}
                  value={set?.id ?? null}
                  onChange={(id) => change({ set: id, edits: [] })}
                  options={sets.map(({ id, name }) => ({
                    value: id,
                    label: name,
                  }))}
                />
              )}
            </Field>
            {set && choice.edits.length > 0 && (
              <ul className="grid gap-3">
                {choice.edits.map((edit, place) => (
                  <FeatureTile
                    key={edit.latent}
                    set={set.id}
                    edit={edit}
                    colour={colours[place % colours.length] ?? ""}
                    onChange={(next) =>
                      change({ edits: choice.edits.map((each) => (each.latent === next.latent ? next : each)) })
                    }
                    onWrong={(is) =>
                      setWrong((before) => [
                        ...before.filter((latent) => latent !== edit.latent),
                        ...(is ? [edit.latent] : []),
                      ])
                    }
                    onRemove={() => change({ edits: choice.edits.filter(({ latent }) => latent !== edit.latent) })}
                  />
                ))}
              </ul>
            )}
            {choice.edits.length === 0 && (
              <p className="text-ink-3">
                A feature is a direction in which the model’s activations can be pushed: towards what it stands for, or
                away from it.
              </p>
            )}
            <Button
              icon={Plus}
              variant={choice.edits.length === 0 ? "primary" : "secondary"}
              onClick={() => setAdding(true)}
            >
              Add a feature
            </Button>
          </div>
        </Card>
        <div className="grid min-w-0 grid-cols-1 gap-4">
          <PromptCard
            prompt={choice.prompt}
            writing={choice.writing}
            onPrompt={(prompt) => change({ prompt })}
            onWriting={(writing) => change({ writing })}
            missing={missing}
            running={running !== undefined}
            onStop={() => running && stop(running.id)}
            onGenerate={(prompt) => {
              if (set && edits) setShown(start({ choice: { ...choice, set: set.id, prompt }, edits, names }));
            }}
          />
          {run && (
            <Comparison
              run={run}
              colours={colours}
              onAgain={isChosen(run, choice, edits) ? null : () => change({ ...run.choice, edits: run.edits })}
            />
          )}
          {runs.length > 1 && <History runs={runs} shown={run?.id} onShow={setShown} />}
        </div>
      </div>
      {adding && set && (
        <AddFeature
          set={set.id}
          chosen={choice.edits.map(({ latent }) => latent)}
          onAdd={(latent) => {
            change({ set: set.id, edits: [...choice.edits, { latent, mode: "add", strength: null }] });
            setAdding(false);
          }}
          onClose={() => setAdding(false)}
        />
      )}
    </Page>
  );
}

/** Whose latents they are. */
function about({ sae, model, hook }: FeatureSet): string {
  return `Of the SAE ${sae?.name ?? "that is gone"}, ${hookInWords(hook).toLowerCase()}${model ? ` of ${model.name}` : ""}.`;
}

/** Whether a run is of what is chosen now. */
function isChosen(run: Run, choice: Choice, edits: readonly Sent[] | null): boolean {
  const written = (each: Choice) => paramsOf({ ...each, set: null }).toString();
  return edits !== null && written({ ...run.choice, edits: run.edits }) === written({ ...choice, edits });
}

/** The edits with their strengths decided, null while one is not known; and what the latents are called. */
function useEdits(set: string | undefined, { edits }: Choice) {
  const suggestions = useQueries({
    queries: edits.map(({ latent }) => ({ ...suggestionQuery(set ?? "", latent), enabled: set !== undefined })),
  });
  const features = useQueries({
    queries: edits.map(({ latent }) => ({ ...featureQuery(set ?? "", latent), enabled: set !== undefined })),
  });
  const decided = edits.map((edit, place): Sent | null => {
    const { data } = suggestions[place] ?? {};
    return data ? { ...edit, strength: edit.strength ?? data.moderate } : null;
  });
  const whole = decided.filter((edit) => edit !== null);
  const names: Record<number, string> = {};
  for (const { data } of features) if (data?.label) names[data.latent] = data.label;
  return { edits: whole.length === edits.length ? whole : null, names };
}
