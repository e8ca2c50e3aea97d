import { expect, it } from "vitest";
import { type Job, placeOf } from "./queries";

const job = (entity: string, request: Record<string, unknown> = {}) =>
  ({ subject: null, request, result: { entity, id: "made-1", name: "made", failed: [] } }) as unknown as Job;

it.each([
  [job("sae"), "/saes/made-1"],
  [job("feature_set"), "/features/made-1"],
  [job("evaluation", { sae_id: "sae-1" }), "/saes/sae-1/evaluations/made-1"],
  [job("probing", { sae_id: "sae-1" }), "/saes/sae-1/probings/made-1"],
  [job("tokenization", { dataset_id: "text-1" }), "/datasets/text-1?tab=tokenizations"],
  [job("recording"), "/training/new?from=recording&recording=made-1"],
])("leads to what a job made", (done, address) => {
  expect(placeOf(done)?.to).toBe(address);
});

it("leads nowhere from a job that made nothing", () => {
  expect(placeOf({ ...job("sae"), result: null })).toBeNull();
});
