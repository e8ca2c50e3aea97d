import { useQuery } from "@tanstack/react-query";
import { ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { Field } from "@/kit/Field";
import { count, plural } from "@/kit/format";
import { Select } from "@/kit/Select";
import { Slider } from "@/kit/Slider";
import { Segments } from "@/kit/Tabs";
import { datasetsQuery, type Model, modelsQuery, recordingsQuery } from "../newQueries";
import type { Choice } from "../useChoice";

const sites = [
  { value: "resid_post", label: "Residual stream after the layer (resid_post)" },
  { value: "resid_pre", label: "Residual stream before the layer (resid_pre)" },
  { value: "mlp_out", label: "What the layer's MLP adds (mlp_out)" },
  { value: "mlp_in", label: "What the layer's MLP reads (mlp_in)" },
  { value: "attn_out", label: "What the layer's attention adds (attn_out)" },
  { value: "attn_z", label: "What the attention heads put out (attn_z)" },
];

/** What is opened: a model at a hook point while it reads text, or a recording of that. */
export function SourceCard({ choice, change }: { choice: Choice; change: (changes: Partial<Choice>) => void }) {
  return (
    <Card
      title="1. What to open"
      actions={
        <Segments
          label="Where activations come from"
          value={choice.from}
          onChange={(from) => change({ from })}
          options={[
            { value: "model", label: "Model and text" },
            { value: "recording", label: "A recording" },
          ]}
        />
      }
    >
      {choice.from === "model" ? (
        <ModelAndText choice={choice} change={change} />
      ) : (
        <Recorded choice={choice} change={change} />
      )}
    </Card>
  );
}

interface Part {
  choice: Choice;
  change: (changes: Partial<Choice>) => void;
}

function ModelAndText({ choice, change }: Part) {
  const models = useQuery(modelsQuery).data?.items ?? [];
  const datasets = useQuery(datasetsQuery).data?.items ?? [];
  const model = models.find(({ id }) => id === choice.model);
  const layer = choice.layer ?? middle(model) ?? 0;
  return (
    <div className="grid gap-5 md:grid-cols-2">
      <Field label="Model" description="The language model whose inside is read.">
        {(ids) =>
          models.length === 0 ? (
            <ButtonLink to="/models?add=1">Add a model first</ButtonLink>
          ) : (
            <Select
              {...ids}
              options={models.map(({ id, name }) => ({ value: id, label: name }))}
              value={model?.id ?? null}
              placeholder="Choose a model"
              onChange={(id) =>
                change({ model: id, layer: middle(models.find((each) => each.id === id)), preparing: null })
              }
            />
          )
        }
      </Field>
      <Field label="Text" description="What the model reads. A few million words are enough for a first SAE.">
        {(ids) =>
          datasets.length === 0 ? (
            <ButtonLink to="/datasets?add=1">Add text first</ButtonLink>
          ) : (
            <Select
              {...ids}
              options={datasets.map(({ id, name, documents }) => ({
                value: id,
                label: `${name} (${plural(documents, "document")})`,
              }))}
              value={choice.dataset}
              placeholder="Choose a data set"
              onChange={(dataset) => change({ dataset, preparing: null })}
            />
          )
        }
      </Field>
      {model && (
        <>
          <Field
            label={`Layer ${layer}`}
            unit={`0 to ${model.n_layers - 1}`}
            description="Counted from 0. The middle is a good place to begin."
          >
            {() => (
              <Slider
                label="Layer"
                value={layer}
                onChange={(next) => change({ layer: next })}
                min={0}
                max={model.n_layers - 1}
                step={1}
                valueText={`layer ${layer} of 0 to ${model.n_layers - 1}`}
              />
            )}
          </Field>
          <Field
            label="Hook point"
            description="Early layers hold words, late ones the next word; meanings live in the middle."
          >
            {(ids) => <Select {...ids} options={sites} value={choice.site} onChange={(site) => change({ site })} />}
          </Field>
        </>
      )}
    </div>
  );
}

function Recorded({ choice, change }: Part) {
  const recordings = useQuery(recordingsQuery).data?.items ?? [];
  const chosen = recordings.find(({ id }) => id === choice.recording);
  const hooks = chosen?.hooks ?? [];
  return (
    <div className="grid gap-5 md:grid-cols-2">
      <Field label="Recording" description="Activations that were recorded before: training on them is fastest.">
        {(ids) =>
          recordings.length === 0 ? (
            <p className="text-sm text-ink-3">There are none yet: the demo and `mistudio trace` make them.</p>
          ) : (
            <Select
              {...ids}
              options={recordings.map(({ id, name, tokens, model }) => ({
                value: id,
                label: `${name} (${count(tokens)} tokens${model ? ` of ${model.name}` : ""})`,
              }))}
              value={choice.recording}
              placeholder="Choose a recording"
              onChange={(recording) => change({ recording })}
            />
          )
        }
      </Field>
      {hooks.length > 1 && (
        <Field label="Hook point" description="The recording has several.">
          {(ids) => (
            <Select
              {...ids}
              options={hooks.map(({ hook }) => ({ value: hook, label: hook }))}
              value={choice.site.includes(".") ? choice.site : null}
              onChange={(site) => change({ site })}
            />
          )}
        </Field>
      )}
    </div>
  );
}

/** The layer that is proposed: the middle one. */
function middle(model: Model | undefined): number | null {
  return model ? Math.floor(model.n_layers / 2) : null;
}
