import type { FieldDescriptor } from "./jsonSchema";
import * as format from "./format";

export type FormValues = Readonly<Record<string, unknown>>;

/** What a form begins with: every field's default. */
export function defaultsOf(fields: readonly FieldDescriptor[]): FormValues {
  return Object.fromEntries(fields.map((field) => [field.name, defaultOf(field)]));
}

function defaultOf(field: FieldDescriptor): unknown {
  if (field.default !== undefined && field.kind !== "object" && field.kind !== "union") return field.default;
  switch (field.kind) {
    case "object":
      return field.default === null ? null : { ...defaultsOf(field.fields), ...recordOf(field.default) };
    case "union":
      return field.default === null ? null : variantOf(field, recordOf(field.default));
    case "boolean":
      return false;
    case "string":
      return field.nullable ? null : "";
    case "list":
      return field.nullable ? null : [];
    case "enum":
      return field.nullable ? null : (field.options[0] ?? null);
    case "integer":
    case "number":
    case "other":
      return null;
  }
}

/** A union's value of one variant: of the given tag, or of the first. */
export function variantOf(field: FieldDescriptor & { kind: "union" }, value: FormValues): FormValues {
  const given = value[field.tag];
  const tag = typeof given === "string" && given in field.variants ? given : (Object.keys(field.variants)[0] ?? "");
  return { [field.tag]: tag, ...defaultsOf(field.variants[tag] ?? []), ...(tag === given ? value : {}) };
}

/** What is wrong with each field, by its path: `sae.k`. The server has the last word; this one is at once. */
export function problemsOf(fields: readonly FieldDescriptor[], values: FormValues, path = ""): Record<string, string> {
  return Object.assign({}, ...fields.map((field) => problemOf(field, values[field.name], path + field.name))) as Record<
    string,
    string
  >;
}

function problemOf(field: FieldDescriptor, value: unknown, path: string): Record<string, string> {
  if (value === null || value === undefined || (value === "" && field.kind === "string" && field.minLength > 0)) {
    return field.nullable || (!field.required && field.kind === "other") ? {} : { [path]: "This is needed." };
  }
  switch (field.kind) {
    case "object":
      return problemsOf(field.fields, recordOf(value), `${path}.`);
    case "union": {
      const inner = recordOf(value);
      return problemsOf(field.variants[String(inner[field.tag])] ?? [], inner, `${path}.`);
    }
    case "integer":
    case "number": {
      if (typeof value === "string" && field.orWords?.includes(value)) return {};
      const wrong =
        typeof value === "number" && !Number.isNaN(value) ? outside(field, value) : "This must be a number.";
      return wrong === undefined ? {} : { [path]: wrong };
    }
    case "string":
      return value === "" && field.required ? { [path]: "This is needed." } : {};
    default:
      return {};
  }
}

function outside(field: FieldDescriptor & { kind: "integer" | "number" }, value: number): string | undefined {
  if (field.kind === "integer" && !Number.isInteger(value)) return "This must be a whole number.";
  if (field.min !== undefined && value < field.min) return `At least ${format.number(field.min)}.`;
  if (field.max !== undefined && value > field.max) return `At most ${format.number(field.max)}.`;
  if (field.above !== undefined && value <= field.above) return `More than ${format.number(field.above)}.`;
  if (field.below !== undefined && value >= field.below) return `Less than ${format.number(field.below)}.`;
  return undefined;
}

export function recordOf(value: unknown): FormValues {
  return typeof value === "object" && value !== null ? (value as FormValues) : {};
}
