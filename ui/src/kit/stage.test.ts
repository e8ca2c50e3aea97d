import { expect, it } from "vitest";
import { unitOf } from "./stage";

it.each([
  ["encode", "tokens"],
  ["features: encode", "tokens"],
  ["index tokens", "activations"],
  ["logit lens", "latents"],
  ["splice", "contexts"],
  ["something new", undefined],
])("says that %s counts %s", (stage, unit) => {
  expect(unitOf(stage)).toBe(unit);
});
