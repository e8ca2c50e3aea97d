import { useState } from "react";
import { Card } from "@/kit/Card";
import { Combobox } from "@/kit/Combobox";
import { Field } from "@/kit/Field";
import { defaultsOf, problemsOf } from "@/kit/formValues";
import { NumberInput, SearchInput, TextInput } from "@/kit/inputs";
import { fieldsOf, type JsonSchema } from "@/kit/jsonSchema";
import { Notes } from "@/kit/Notes";
import { SchemaForm } from "@/kit/SchemaForm";
import { Select } from "@/kit/Select";
import { Slider } from "@/kit/Slider";
import { Switch } from "@/kit/Switch";
import { Segments } from "@/kit/Tabs";

const models = ["TinyStories-33M", "gpt2", "pythia-70m", "pythia-160m", "Qwen2.5-0.5B", "Llama-3.2-1B"].map(
  (value) => ({
    value,
    label: value,
    detail: "float32",
  }),
);

const schema: JsonSchema = {
  type: "object",
  properties: {
    sae: {
      description: "The architecture and its options.",
      discriminator: { propertyName: "architecture" },
      oneOf: [
        {
          type: "object",
          properties: {
            architecture: { const: "topk", default: "topk", type: "string" },
            k: { type: "integer", exclusiveMinimum: 0, default: 32, description: "Latents kept per token: the L0." },
            expansion: { type: "number", exclusiveMinimum: 0, default: 8, description: "Latents per input dimension." },
          },
        },
        {
          type: "object",
          properties: {
            architecture: { const: "jump_relu", default: "jump_relu", type: "string" },
            threshold: { type: "number", default: 0.001, description: "Where a latent begins to fire." },
          },
        },
      ],
    },
    tokens: { type: "integer", exclusiveMinimum: 0, default: 2_000_000, description: "Training tokens in all." },
    lr: {
      anyOf: [{ type: "number", exclusiveMinimum: 0 }, { type: "null" }],
      default: null,
      description: "Adam’s learning rate; chosen from the width where it is not given.",
    },
    decay_share: {
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 1.4,
      description: "Share of the steps that decay.",
    },
    b_dec_start: { type: "string", enum: ["geometric_median", "mean"], default: "geometric_median" },
    resume: { type: "boolean", default: true, description: "Go on from the newest checkpoint." },
    eps: { type: "number", default: 1e-8, description: "Adam’s constant against division by zero." },
    seed: { type: "integer", default: 0 },
  },
};

export function KitForms() {
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Controls />
      <Config />
    </div>
  );
}

function Controls() {
  const [search, setSearch] = useState("the ends of sentences");
  const [kind, setKind] = useState<"text" | "parquet">("text");
  const [model, setModel] = useState<string | null>("gpt2");
  const [strength, setStrength] = useState(-1.5);
  const [threshold, setThreshold] = useState(40);
  const [rate, setRate] = useState<number | null>(3e-4);
  const [live, setLive] = useState(true);
  const [width, setWidth] = useState<"line" | "snippet" | "full">("snippet");
  return (
    <Card title="Controls">
      <div className="grid gap-x-5 gap-y-4 sm:grid-cols-2">
        <Field label="Name" description="Lower-case words with dashes.">
          {(ids) => <TextInput {...ids} defaultValue="stories" />}
        </Field>
        <Field label="Repository" error="No repository has this name." required>
          {(ids) => <TextInput {...ids} defaultValue="roneneldan/TinyStorys" />}
        </Field>
        <Field label="Learning rate" unit="per step" hint="Adam’s learning rate.">
          {(ids) => <NumberInput {...ids} value={rate} onChange={setRate} />}
        </Field>
        <Field label="Format">
          {(ids) => (
            <Select
              {...ids}
              value={kind}
              onChange={setKind}
              options={[
                { value: "text", label: "Plain text" },
                { value: "parquet", label: "Parquet" },
              ]}
            />
          )}
        </Field>
        <Field label="Model">{(ids) => <Combobox {...ids} choices={models} value={model} onChange={setModel} />}</Field>
        <div className="self-end">
          <SearchInput label="Search the labels" value={search} onChange={setSearch} />
        </div>
        <Field label={`Strength: ${strength}`} unit="× largest activation">
          {() => (
            <Slider label="Strength" min={-5} max={5} step={0.1} origin={0} value={strength} onChange={setStrength} />
          )}
        </Field>
        <Field label={`Density: at most ${threshold} %`}>
          {() => <Slider label="Density" min={0} max={100} value={threshold} onChange={setThreshold} />}
        </Field>
        <Switch label="Follow the log" description="Scroll as lines arrive." checked={live} onChange={setLive} />
        <Segments
          label="Width"
          value={width}
          onChange={setWidth}
          options={[
            { value: "line", label: "Line" },
            { value: "snippet", label: "Snippet" },
            { value: "full", label: "Full" },
          ]}
        />
      </div>
      <div className="mt-5">
        <Notes
          label="Notes"
          value="Fires on the last word before a quotation ends."
          rows={2}
          onSave={() => Promise.resolve()}
        />
      </div>
    </Card>
  );
}

function Config() {
  const fields = fieldsOf(schema);
  const [values, setValues] = useState(() => defaultsOf(fields));
  return (
    <Card title="A configuration" description="Drawn from the schema of the API; what is wrong is said at once.">
      <SchemaForm
        fields={fields}
        values={values}
        onChange={setValues}
        errors={problemsOf(fields, values)}
        advanced={["eps", "seed"]}
        labels={{ lr: "Learning rate", sae: "SAE", "sae.k": "k", topk: "TopK", jump_relu: "JumpReLU" }}
        units={{ tokens: "tokens", "sae.k": "latents a token" }}
      />
    </Card>
  );
}
