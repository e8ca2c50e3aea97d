import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { describe, expect, it, vi } from "vitest";
import { draw, expectAccessible } from "../../tests/draw";
import { defaultsOf, type FormValues, problemsOf } from "./formValues";
import { fieldsOf } from "./jsonSchema";
import { SchemaForm } from "./SchemaForm";

const document = {
  components: {
    schemas: {
      TopK: {
        type: "object",
        properties: {
          architecture: { const: "topk", type: "string" },
          k: { type: "integer", exclusiveMinimum: 0, default: 32, description: "Latents kept per token." },
        },
      },
      JumpRelu: {
        type: "object",
        properties: {
          architecture: { const: "jump_relu", type: "string" },
          threshold: { type: "number", default: 0.01 },
        },
      },
      Train: {
        type: "object",
        required: ["name"],
        properties: {
          name: { type: "string", minLength: 1 },
          sae: {
            oneOf: [{ $ref: "#/components/schemas/TopK" }, { $ref: "#/components/schemas/JumpRelu" }],
            discriminator: { propertyName: "architecture" },
            default: { architecture: "topk", k: 64 },
          },
          lr: { anyOf: [{ type: "number", exclusiveMinimum: 0 }, { type: "null" }], default: null },
          share: { type: "number", minimum: 0, maximum: 1, default: 0.2 },
          start: { type: "string", enum: ["geometric_median", "mean"], default: "mean" },
          layers: { type: "array", items: { type: "integer" }, default: [3, 6] },
          resume: { type: "boolean", default: true },
          eps: { type: "number", default: 1e-8 },
        },
      },
    },
  },
} as const;
const fields = fieldsOf(document.components.schemas.Train, document);

const onChange = vi.fn<(values: FormValues) => void>();
const values = () => onChange.mock.lastCall?.[0] ?? {};
function Form({ errors = {} }: { errors?: Record<string, string> }) {
  const [current, setCurrent] = useState(() => defaultsOf(fields));
  return (
    <SchemaForm
      fields={fields}
      values={current}
      onChange={(next) => {
        onChange(next);
        setCurrent(next);
      }}
      errors={{ ...problemsOf(fields, current), ...errors }}
      advanced={["eps"]}
      labels={{ lr: "Learning rate" }}
    />
  );
}

it("begins with the schema's defaults, of nested and of discriminated parts too", () => {
  expect(defaultsOf(fields)).toEqual({
    name: "",
    sae: { architecture: "topk", k: 64 },
    lr: null,
    share: 0.2,
    start: "mean",
    layers: [3, 6],
    resume: true,
    eps: 1e-8,
  });
});

it("has no fault that axe finds, and ties each description and error to its field", async () => {
  draw(<Form errors={{ "sae.k": "Too many for this width." }} />);
  expect(screen.getByLabelText("K")).toHaveAccessibleDescription(/Latents kept per token.*Too many|Too many.*kept/);
  expect(screen.getByLabelText("K")).toBeInvalid();
  expect(screen.getByLabelText(/Name/)).toHaveAccessibleDescription("This is needed.");
  await expectAccessible();
});

describe("editing", () => {
  it("reads numbers as people write them, and an empty field as null", async () => {
    draw(<Form />);
    const rate = screen.getByLabelText("Learning rate");
    await userEvent.type(rate, "3e-4");
    expect(values().lr).toBe(3e-4);
    await userEvent.clear(rate);
    expect(values().lr).toBeNull();
  });

  it("says at once what is out of bounds", async () => {
    draw(<Form />);
    const share = screen.getByLabelText("Share");
    await userEvent.clear(share);
    await userEvent.type(share, "1.5");
    expect(share).toHaveAccessibleDescription("At most 1.");
  });

  it("changes the fields with the variant", async () => {
    draw(<Form />);
    await userEvent.selectOptions(screen.getByLabelText("Architecture"), "jump_relu");
    expect(screen.queryByLabelText("K")).toBeNull();
    expect(screen.getByLabelText("Threshold")).toHaveValue("0.01");
    expect(values().sae).toEqual({ architecture: "jump_relu", threshold: 0.01 });
  });

  it("reads a list of numbers, and a switch", async () => {
    draw(<Form />);
    const layers = screen.getByLabelText("Layers");
    await userEvent.clear(layers);
    await userEvent.type(layers, "1, 2, 8");
    expect(values().layers).toEqual([1, 2, 8]);
    await userEvent.click(screen.getByRole("switch", { name: "Resume" }));
    expect(values().resume).toBe(false);
  });
});

it("folds away what is advanced, and says when something in it is wrong", () => {
  draw(<Form errors={{ eps: "Too small." }} />);
  const advanced = screen.getByText("Advanced").closest("details")!;
  expect(advanced).not.toHaveAttribute("open");
  expect(within(advanced).getByText("1 field to mend")).toBeInTheDocument();
});

it("names a reference that leads nowhere", () => {
  expect(() => fieldsOf({ properties: { a: { $ref: "#/$defs/Gone" } } })).toThrow("#/$defs/Gone, which is not there");
});
