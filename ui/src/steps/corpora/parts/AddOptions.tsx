import { Field } from "@/kit/Field";
import { percent } from "@/kit/format";
import { NumberInput, TextInput } from "@/kit/inputs";
import { nameProblem } from "@/kit/nameProblem";
import { Select } from "@/kit/Select";
import { Slider } from "@/kit/Slider";
import type { Preview, Wanted } from "../queries";

interface OptionsProps {
  preview: Preview;
  wanted: Wanted;
  onChange: (wanted: Wanted) => void;
  /** Another part of the data set is chosen: look into that. */
  onLook: (more: { split?: string; config_name?: string }) => void;
  /** The number of documents cannot be used. */
  wrong: boolean;
  onWrong: (wrong: boolean) => void;
}

/** What is taken of a source, and how much is set aside. */
export function AddOptions({ preview, wanted, onChange, onLook, wrong, onWrong }: OptionsProps) {
  const set = (changes: Partial<Wanted>) => onChange({ ...wanted, ...changes });
  const named = (names: readonly string[]) => names.map((name) => ({ value: name, label: name }));
  return (
    <div className="grid gap-5 sm:grid-cols-2">
      <Field
        label="Name"
        description="In the studio; taken from the source if you leave it empty."
        error={nameProblem(wanted.name.trim())}
      >
        {(ids) => <TextInput {...ids} value={wanted.name} onChange={(event) => set({ name: event.target.value })} />}
      </Field>
      {preview.columns.length > 1 && (
        <Field label="Column that is the text" description="The other columns are kept as what is known of a document.">
          {(ids) => (
            <Select
              {...ids}
              options={named(preview.columns.map(({ name }) => name))}
              value={wanted.column}
              onChange={(column) => set({ column })}
            />
          )}
        </Field>
      )}
      {preview.config_names.length > 1 && (
        <Field label="Configuration" description="The data set comes in several.">
          {(ids) => (
            <Select
              {...ids}
              options={named(preview.config_names)}
              value={wanted.config_name}
              onChange={(config_name) => onLook({ config_name })}
            />
          )}
        </Field>
      )}
      {preview.splits.length > 1 && (
        <Field label="Split">
          {(ids) => (
            <Select
              {...ids}
              options={named(preview.splits)}
              value={wanted.split}
              onChange={(split) =>
                onLook({ split, ...(wanted.config_name === null ? {} : { config_name: wanted.config_name }) })
              }
            />
          )}
        </Field>
      )}
      <Field
        label="At most"
        unit="documents"
        description="Empty: all of them."
        error={wrong ? "A whole number of at least 1, or nothing." : undefined}
      >
        {(ids) => (
          <NumberInput
            {...ids}
            whole
            min={1}
            value={wanted.limit}
            onChange={(limit) => set({ limit })}
            onWrong={onWrong}
          />
        )}
      </Field>
      <Field
        label="Set aside for evaluation"
        unit={percent(wanted.held_out)}
        description="An SAE never trains on these documents, so that measuring it on them is fair."
      >
        {() => (
          <Slider
            label="Set aside for evaluation"
            min={0}
            max={0.5}
            step={0.01}
            value={wanted.held_out}
            onChange={(held_out) => set({ held_out })}
            valueText={percent(wanted.held_out)}
          />
        )}
      </Field>
    </div>
  );
}
