import { words } from "./format";

/** A JSON schema as pydantic writes them; only what forms need of it. */
export interface JsonSchema {
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly JsonSchema[];
  oneOf?: readonly JsonSchema[];
  allOf?: readonly JsonSchema[];
  discriminator?: { propertyName: string };
  properties?: Record<string, JsonSchema>;
  required?: readonly string[];
  items?: JsonSchema;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  /** Ours: what a number is counted in. */
  unit?: string;
}

interface Common {
  name: string;
  label: string;
  description?: string;
  nullable: boolean;
  required: boolean;
  default: unknown;
}

export interface Bounds {
  min?: number;
  max?: number;
  /** The bound itself is not allowed. */
  above?: number;
  below?: number;
}

/** One field of a form. */
export type FieldDescriptor = Common &
  (
    | ({ kind: "integer" | "number"; unit?: string; orWords?: readonly string[] } & Bounds)
    | { kind: "boolean" }
    | { kind: "string"; minLength: number }
    | { kind: "enum"; options: readonly string[] }
    | { kind: "list"; of: "string" | "integer" | "number" }
    | { kind: "object"; fields: readonly FieldDescriptor[] }
    | { kind: "union"; tag: string; variants: Readonly<Record<string, readonly FieldDescriptor[]>> }
    | { kind: "other" }
  );

/** The fields of an object schema. `root` is what its references point into: the OpenAPI document, or itself. */
export function fieldsOf(schema: JsonSchema, root: object = schema): FieldDescriptor[] {
  const resolved = resolve(schema, root);
  return Object.entries(resolved.properties ?? {})
    .filter(([, property]) => resolve(property, root).const === undefined)
    .map(([name, property]) => describe(name, property, root, resolved.required?.includes(name) ?? false));
}

function describe(name: string, schema: JsonSchema, root: object, required: boolean): FieldDescriptor {
  const outer = resolve(schema, root);
  const choices = outer.anyOf?.map((each) => resolve(each, root));
  const nullable = choices?.some(({ type }) => type === "null") ?? false;
  const real = choices?.filter(({ type }) => type !== "null") ?? [];
  const inner = real.length === 1 && real[0] ? real[0] : outer;
  const common: Common = {
    name,
    label: words(name),
    description: schema.description ?? outer.description ?? inner.description,
    nullable,
    required,
    default: schema.default ?? outer.default,
  };
  const variants = inner.oneOf ?? (real.length > 1 && real.every(({ properties }) => properties) ? real : undefined);
  if (variants) return { ...common, ...unionOf(variants, inner.discriminator?.propertyName, root) };
  const number = real.find(({ type }) => type === "number" || type === "integer");
  const others = real.filter((each) => each !== number).map((each) => each.const);
  if (number && others.length > 0 && others.every((each) => typeof each === "string"))
    return { ...common, kind: number.type === "integer" ? "integer" : "number", orWords: others, ...boundsOf(number) };
  if (inner.enum) return { ...common, kind: "enum", options: inner.enum.filter((each) => each !== null).map(String) };
  switch (inner.type) {
    case "integer":
    case "number":
      return { ...common, kind: inner.type, unit: inner.unit ?? outer.unit, ...boundsOf(inner) };
    case "boolean":
      return { ...common, kind: "boolean" };
    case "string":
      return { ...common, kind: "string", minLength: inner.minLength ?? 0 };
    case "object":
      return inner.properties
        ? { ...common, kind: "object", fields: fieldsOf(inner, root) }
        : { ...common, kind: "other" };
    case "array": {
      const of = inner.items && resolve(inner.items, root).type;
      if (of === "string" || of === "integer" || of === "number") return { ...common, kind: "list", of };
      return { ...common, kind: "other" };
    }
    default:
      return { ...common, kind: "other" };
  }
}

function unionOf(variants: readonly JsonSchema[], tag: string | undefined, root: object) {
  const objects = variants.map((each) => resolve(each, root));
  const name =
    tag ??
    Object.keys(objects[0]?.properties ?? {}).find((key) => objects.every((each) => each.properties?.[key]?.const));
  if (name === undefined) return { kind: "other" as const };
  const entries = objects.map((each) => [String(each.properties?.[name]?.const), fieldsOf(each, root)] as const);
  return { kind: "union" as const, tag: name, variants: Object.fromEntries(entries) };
}

function boundsOf(schema: JsonSchema): Bounds {
  return {
    min: schema.minimum,
    max: schema.maximum,
    above: schema.exclusiveMinimum,
    below: schema.exclusiveMaximum,
  };
}

/** Follows `#/components/schemas/X` and `#/$defs/X`; what stands beside a reference goes before it. */
function resolve(schema: JsonSchema, root: object): JsonSchema {
  const reference = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined);
  if (reference === undefined) return schema;
  const target = reference
    .slice(2)
    .split("/")
    .reduce<unknown>(
      (value, part) => (typeof value === "object" && value ? Reflect.get(value, part) : undefined),
      root,
    );
  if (typeof target !== "object" || target === null)
    throw new Error(`The schema names ${reference}, which is not there.`);
  const { $ref: _ref, allOf: _allOf, ...beside } = schema;
  return { ...resolve(target, root), ...beside };
}
