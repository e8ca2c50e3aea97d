import { useQuery } from "@tanstack/react-query";
import { Card } from "@/kit/Card";
import { cx } from "@/kit/cx";
import { Field } from "@/kit/Field";
import { type FormValues, recordOf, variantOf } from "@/kit/formValues";
import { short } from "@/kit/format";
import { NumberInput } from "@/kit/inputs";
import type { FieldDescriptor } from "@/kit/jsonSchema";
import { Select } from "@/kit/Select";
import { architectures } from "../architectures";
import { templatesQuery } from "../newQueries";
import { LearningRate } from "./LearningRate";
import { MoreOptions } from "./MoreOptions";

interface OptionsProps {
  fields: readonly FieldDescriptor[];
  values: FormValues;
  onChange: (values: FormValues) => void;
  errors: Readonly<Record<string, string>>;
  /** Name of the template in use. */
  template: string | null;
  onTemplate: (name: string, values: FormValues) => void;
}

/** How it is trained: a template, the four numbers that matter, and everything else folded away. */
export function OptionsCard({ fields, values, onChange, errors, template, onTemplate }: OptionsProps) {
  // The quickest first.
  const templates = [...(useQuery(templatesQuery).data ?? [])].sort(
    (a, b) => a.config.train.tokens - b.config.train.tokens,
  );
  const sae = recordOf(values.sae);
  const kind = typeof sae.architecture === "string" ? sae.architecture : "topk";
  const union = fields.find(({ name }) => name === "sae");
  const variants = union?.kind === "union" ? union.variants : {};
  /** What the next architecture has too stays as it is. */
  const choose = (architecture: string) => {
    if (union?.kind !== "union") return;
    const next = variantOf(union, { [union.tag]: architecture });
    const kept = Object.entries(sae).filter(([name]) => name !== union.tag && name in next);
    onChange({ ...values, sae: { ...next, ...Object.fromEntries(kept) } });
  };
  const set = (name: string, value: number | null) => onChange({ ...values, [name]: value });
  const setSae = (name: string, value: number | null) => onChange({ ...values, sae: { ...sae, [name]: value } });
  return (
    <Card title="2. The SAE" description="The defaults are a tried recipe. Change what you understand; leave the rest.">
      {templates.length > 0 && (
        <ul className="mb-5 grid gap-3 sm:grid-cols-3">
          {templates.slice(0, 6).map((each) => (
            <li key={each.id}>
              <button
                type="button"
                aria-pressed={template === each.name}
                onClick={() => onTemplate(each.name, { ...values, ...each.config.train })}
                className={cx(
                  "flex h-full w-full flex-col rounded-lg border p-3 text-left transition-colors",
                  template === each.name
                    ? "border-accent bg-accent-soft"
                    : "border-line bg-surface hover:border-line-strong",
                )}
              >
                <span className="font-medium text-ink">{each.name}</span>
                <span className="mt-0.5 block text-sm text-ink-3">
                  {each.description || `${short(each.config.train.tokens)} tokens`}
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <Field label="Architecture" description={architectures[kind]?.about} className="mb-5 max-w-xl">
        {(ids) => (
          <Select
            {...ids}
            options={Object.keys(variants).map((value) => ({ value, label: architectures[value]?.name ?? value }))}
            value={kind}
            onChange={choose}
          />
        )}
      </Field>
      <div className="grid gap-5 sm:grid-cols-2 lg:grid-cols-4">
        <Field
          label="Training tokens"
          description="More make a better SAE and take longer; text is read again if there is less."
          error={errors.tokens}
        >
          {(ids) => (
            <NumberInput
              {...ids}
              whole
              min={1}
              value={values.tokens as number | null}
              onChange={(v) => set("tokens", v)}
              onUnread={() => set("tokens", Number.NaN)}
            />
          )}
        </Field>
        <Field
          label="Active latents"
          unit="k"
          description="How many latents may explain one token. Fewer are easier to read, more lose less."
          error={errors["sae.k"]}
        >
          {(ids) => (
            <NumberInput
              {...ids}
              whole
              min={1}
              value={sae.k as number | null}
              onChange={(v) => setSae("k", v)}
              onUnread={() => setSae("k", Number.NaN)}
            />
          )}
        </Field>
        <Field
          label="Expansion"
          unit="×"
          description="Latents for each dimension of the model. More find rarer features."
          error={errors["sae.expansion"]}
        >
          {(ids) => (
            <NumberInput
              {...ids}
              min={0}
              value={sae.expansion as number | null}
              onChange={(v) => setSae("expansion", v)}
              onUnread={() => setSae("expansion", Number.NaN)}
            />
          )}
        </Field>
        <LearningRate value={values.lr} onChange={(lr) => onChange({ ...values, lr })} error={errors.lr} />
      </div>
      <MoreOptions fields={fields} values={values} onChange={onChange} errors={errors} />
    </Card>
  );
}
