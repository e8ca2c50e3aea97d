import { type ReactNode } from "react";
import { Disclosure } from "./Disclosure";
import { type FormValues, recordOf, variantOf } from "./formValues";
import type { FieldDescriptor } from "./jsonSchema";
import { SchemaField } from "./SchemaField";
import { Select } from "./Select";
import { Field } from "./Field";
import * as format from "./format";

export interface SchemaFormProps {
  /** `fieldsOf(schema, document)`. */
  fields: readonly FieldDescriptor[];
  values: FormValues;
  onChange: (values: FormValues) => void;
  /** By path: `problemsOf(fields, values)`, and those of a 422 answer: `error.fields`. */
  errors?: Readonly<Record<string, string>>;
  /** Paths that most people leave alone: folded away. */
  advanced?: readonly string[];
  /** Paths that are not shown: they are chosen elsewhere. */
  hidden?: readonly string[];
  /** Names in better words than those of the schema, by path. */
  labels?: Readonly<Record<string, string>>;
  /** Units, by path, where the schema has none. */
  units?: Readonly<Record<string, string>>;
  /** Said in an empty field whose null means that it is chosen by itself. */
  automatic?: string;
  /** What an empty field means where that says more than `automatic`, by path. */
  whenEmpty?: Readonly<Record<string, string>>;
}

/** The form of a configuration, drawn from its schema: a new field of the library appears here by itself. */
export function SchemaForm(props: SchemaFormProps) {
  return <Group {...props} path="" />;
}

function Group({ path, ...form }: SchemaFormProps & { path: string }) {
  const { fields, errors = {}, advanced = [], hidden = [] } = form;
  const pathOf = (field: FieldDescriptor) => path + field.name;
  const shown = fields.filter((field) => !hidden.includes(pathOf(field)) && field.kind !== "other");
  const usual = shown.filter((field) => !advanced.includes(pathOf(field)));
  const rare = shown.filter((field) => advanced.includes(pathOf(field)));
  const wrong = rare.filter((field) => Object.keys(errors).some((key) => within(key, pathOf(field)))).length;
  const draw = (some: readonly FieldDescriptor[]) => (
    <>
      <Grid>
        {some.filter(isLeaf).map((field) => (
          <Leaf key={field.name} field={field} path={pathOf(field)} form={form} />
        ))}
      </Grid>
      {some
        .filter((field) => !isLeaf(field))
        .map((field) => (
          <Nested key={field.name} field={field} path={pathOf(field)} form={form} />
        ))}
    </>
  );
  return (
    <div className="space-y-4">
      {draw(usual)}
      {rare.length > 0 && (
        <Disclosure
          title="Advanced"
          note={wrong > 0 ? `${format.plural(wrong, "field")} to mend` : format.plural(rare.length, "field")}
          tone={wrong > 0 ? "danger" : "quiet"}
        >
          <div className="space-y-4">{draw(rare)}</div>
        </Disclosure>
      )}
    </div>
  );
}

function Leaf({ field, path, form }: { field: FieldDescriptor; path: string; form: SchemaFormProps }) {
  return (
    <SchemaField
      field={field}
      label={form.labels?.[path] ?? field.label}
      unit={form.units?.[path] ?? ("unit" in field ? field.unit : undefined)}
      automatic={form.whenEmpty?.[path] ?? form.automatic}
      value={form.values[field.name]}
      error={form.errors?.[path]}
      onChange={(value) => form.onChange({ ...form.values, [field.name]: value })}
    />
  );
}

function Nested({ field, path, form }: { field: FieldDescriptor; path: string; form: SchemaFormProps }) {
  const value = recordOf(form.values[field.name]);
  const change = (next: FormValues) => form.onChange({ ...form.values, [field.name]: next });
  const label = form.labels?.[path] ?? field.label;
  if (field.kind === "object")
    return (
      <Disclosure title={label} description={field.description} open>
        <Group {...form} fields={field.fields} values={value} onChange={change} path={`${path}.`} />
      </Disclosure>
    );
  if (field.kind !== "union") return null;
  const tags = Object.keys(field.variants);
  const given = value[field.tag];
  const tag = typeof given === "string" ? given : (tags[0] ?? "");
  return (
    <Disclosure title={label} description={field.description} open>
      {tags.length > 1 && !form.hidden?.includes(`${path}.${field.tag}`) && (
        <Field label={form.labels?.[`${path}.${field.tag}`] ?? format.words(field.tag)} className="mb-4 max-w-80">
          {(ids) => (
            <Select
              {...ids}
              options={tags.map((each) => ({ value: each, label: form.labels?.[each] ?? format.words(each) }))}
              value={tag}
              onChange={(next) => change(variantOf(field, { [field.tag]: next }))}
            />
          )}
        </Field>
      )}
      <Group {...form} fields={field.variants[tag] ?? []} values={value} onChange={change} path={`${path}.`} />
    </Disclosure>
  );
}

function Grid({ children }: { children: ReactNode }) {
  return (
    <div className="grid grid-cols-[repeat(auto-fill,minmax(13rem,1fr))] gap-x-5 gap-y-4 empty:hidden">{children}</div>
  );
}

function isLeaf(field: FieldDescriptor): boolean {
  return field.kind !== "object" && field.kind !== "union";
}

function within(key: string, path: string): boolean {
  return key === path || key.startsWith(`${path}.`);
}
