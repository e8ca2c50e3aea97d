import { expect, it } from "vitest";
import { addressOf, viewOf } from "./view";

it("writes a view into an address and reads it again", () => {
  const view = viewOf(new URLSearchParams("search=a+b&min_density=0.001&starred=true&sort=mean&order=asc"));
  expect(view).toMatchObject({ search: "a b", least: 0.001, most: null, starred: true, sort: "mean", order: "asc" });
  expect(viewOf(new URLSearchParams(addressOf(view)))).toEqual(view);
  expect(addressOf(viewOf(new URLSearchParams()))).toBe("");
});
