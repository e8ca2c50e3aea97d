import { Field, type FieldIds } from "./Field";
import * as format from "./format";
import { NumberInput, TextInput } from "./inputs";
import type { FieldDescriptor } from "./jsonSchema";
import { NumberOrWord } from "./NumberOrWord";
import { Select } from "./Select";
import { Switch } from "./Switch";

interface SchemaFieldProps {
  field: FieldDescriptor;
  label: string;
  unit?: string;
  /** Said in an empty field that may be empty. */
  automatic?: string;
  value: unknown;
  error?: string;
  onChange: (value: unknown) => void;
}

/** The control that fits a field's type, with its description behind a question mark. */
export function SchemaField(props: SchemaFieldProps) {
  const { field, label, unit, value, error, onChange } = props;
  if (field.kind === "boolean")
    return (
      <div className="self-center">
        <Switch label={label} description={field.description} checked={value === true} onChange={onChange} />
        {error !== undefined && <p className="mt-1 text-sm text-danger">{error}</p>}
      </div>
    );
  return (
    <Field label={label} hint={field.description} unit={unit} error={error} required={field.required}>
      {(ids) => <Control {...props} ids={ids} />}
    </Field>
  );
}

const NONE = "";

function Control({
  field,
  label,
  value,
  onChange,
  automatic = "automatic",
  ids,
}: SchemaFieldProps & { ids: FieldIds }) {
  const placeholder = field.nullable ? automatic : undefined;
  switch (field.kind) {
    case "integer":
    case "number":
      if (field.orWords)
        return (
          <NumberOrWord
            ids={ids}
            label={label}
            choices={[
              ...(field.nullable ? [{ value: null, label: format.words(automatic) }] : []),
              ...field.orWords.map((word) => ({ value: word, label: format.words(word) })),
            ]}
            value={value}
            onChange={onChange}
            min={field.min ?? field.above}
            max={field.max ?? field.below}
          />
        );
      return (
        <NumberInput
          {...ids}
          whole={field.kind === "integer"}
          min={field.min ?? field.above}
          max={field.max ?? field.below}
          step={strideOf(field, value)}
          placeholder={placeholder}
          value={typeof value === "number" ? value : null}
          onChange={onChange}
          onUnread={() => onChange(Number.NaN)}
        />
      );
    case "enum": {
      const options = field.options.map((option) => ({ value: option, label: format.words(option) }));
      return (
        <Select
          {...ids}
          options={field.nullable ? [{ value: NONE, label: format.words(automatic) }, ...options] : options}
          value={typeof value === "string" ? value : field.nullable ? NONE : null}
          onChange={(next) => onChange(next === NONE && field.nullable ? null : next)}
        />
      );
    }
    case "list":
      return <ListInput ids={ids} field={field} value={value} placeholder={placeholder} onChange={onChange} />;
    default:
      return (
        <TextInput
          {...ids}
          placeholder={placeholder}
          value={typeof value === "string" ? value : ""}
          onChange={(event) => onChange(event.target.value === "" && field.nullable ? null : event.target.value)}
        />
      );
  }
}

interface ListInputProps {
  ids: FieldIds;
  field: FieldDescriptor & { kind: "list" };
  value: unknown;
  placeholder?: string;
  onChange: (value: unknown) => void;
}

/** Several values with commas between them. */
function ListInput({ ids, field, value, placeholder, onChange }: ListInputProps) {
  const read = (text: string): unknown => {
    const parts = text.split(",").map((part) => part.trim());
    const values = parts.filter((part) => part !== "");
    if (values.length === 0) return field.nullable ? null : [];
    return field.of === "string" ? values : values.map(Number);
  };
  return (
    <TextInput
      {...ids}
      placeholder={placeholder ?? "one, two, three"}
      defaultValue={Array.isArray(value) ? value.join(", ") : ""}
      onChange={(event) => onChange(read(event.target.value))}
    />
  );
}

/** Arrow keys move by the size of the number: 100 by 10, 0.03 by 0.01. */
function strideOf(field: FieldDescriptor, value: unknown): number {
  const size = typeof value === "number" && value !== 0 ? 10 ** Math.floor(Math.log10(Math.abs(value))) : 1;
  return field.kind === "integer" ? Math.max(1, size / 10) : size / 10;
}
