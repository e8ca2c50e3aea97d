import { expect, it } from "vitest";
import { nameProblem } from "./nameProblem";

it.each(["", "a", "my-first_sae.2", "a".repeat(100)])("finds nothing wrong with %j", (name) => {
  expect(nameProblem(name)).toBeUndefined();
});

it.each([
  ["my sae", /no spaces/],
  ["a/b", /no spaces/],
  ["größe", /digits/],
  ["-a", /begins with/],
  ["a".repeat(101), /At most 100/],
])("says what is wrong with %j", (name, words) => {
  expect(nameProblem(name)).toMatch(words);
});
