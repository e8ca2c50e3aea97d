import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Route, Routes } from "react-router";
import { afterEach, expect, it, vi } from "vitest";
import { createQueryClient } from "@/api/queryClient";
import { draw, expectAccessible } from "../../../tests/draw";
import { fakeStudio } from "../../../tests/studio";
import TrainingPage from "./TrainingPage";

const job = {
  id: "job-1",
  state: "running",
  stage: null,
  done: null,
  total: null,
  rate: null,
  attempts: 1,
  error: null,
};
const training = {
  ...{ id: "training-1", name: "first", state: "running", origin: "studio", source: "model", model: null },
  ...{ model_name: "tiny", dataset: null, tokenization: null, recordings: [], sae: null, hook: "resid_post.1" },
  ...{ d_in: 32, d_sae: 128, learning_rate: 0.001, step: 100, total_steps: 1000, tokens: 51_200, seconds: 3 },
  ...{ config: { sae: { architecture: "topk", k: 4 }, tokens: 300_000, batch_size: 512, seed: 0 } },
  ...{ last_line: null, tokens_per_second: null, eta_seconds: null, job },
};
const show = (state: object, answers: object = {}) => {
  const asked = fakeStudio({ "GET /trainings/training-1": { ...training, job: { ...job, ...state } }, ...answers });
  draw(
    <Routes>
      <Route path="/training/:id" element={<TrainingPage />} />
    </Routes>,
    { at: "/training/training-1", client: createQueryClient() },
  );
  return asked;
};

afterEach(() => vi.unstubAllGlobals());

it.each([
  ["at first", {}, /Starting… The model/],
  ["after its process died", { stage: "train", done: 51_200, total: 300_000, attempts: 2 }, /goes on from its last/],
])("says that it starts %s, in place of numbers", async (_when, state, words) => {
  show(state);
  expect(await screen.findByText(words)).toBeVisible();
  expect(screen.queryByText(/of 300,000/)).toBeNull();
});

it("says how far it is once it trains", async () => {
  show({ stage: "train", done: 51_200, total: 300_000, rate: 900 });
  expect(await screen.findByText(/51,200 of 300,000 tokens/)).toBeVisible();
});

it("makes an SAE from a checkpoint, and lists those that were made", async () => {
  const at = { tokens: 51_200, bytes: 1000, created_at: "2026-01-01T00:00:00Z" };
  const made = { job: { ...job, title: "Make an SAE of first at 50" }, step: 50, best: false };
  const asked = show(
    { stage: "train", done: 51_200, total: 300_000, rate: 900 },
    {
      "GET /trainings/training-1/checkpoints": {
        ...{ checkpoints: [100, 50].map((step) => ({ ...at, step })), best: { ...at, step: 80 } },
        ...{ every_steps: 50, sae: null, sae_bytes: null },
        made: [{ ...made, sae: { id: "sae-9", name: "first-at-50" } }],
      },
      "POST /trainings/training-1/finalize": { job_id: "job-2", job: { ...job, id: "job-2", title: "Make an SAE" } },
    },
  );
  expect(await screen.findByRole("link", { name: "first-at-50" })).toHaveAttribute("href", "/saes/sae-9");
  await expectAccessible();
  await userEvent.click(screen.getByRole("button", { name: "Make an SAE: Step 50" }));
  await userEvent.click(screen.getByRole("button", { name: "Make an SAE: Best state, at step 80" }));
  const bodies = () => asked.filter(({ path }) => path.endsWith("/finalize")).map(({ body }) => body);
  await waitFor(() => expect(bodies()).toEqual([{ step: 50, best: false }, { best: true }]));
});

it("draws what a penalty costs only where there is one", async () => {
  const flat = (value: number) => ({ min: [value], mean: [value], max: [value] });
  const names = ["loss", "auxiliary_loss", "fvu", "l0", "dead_share", "lr", "gradient_norm", "penalty", "revived"];
  show(
    { stage: "train", done: 51_200, total: 300_000, rate: 900 },
    {
      "GET /trainings/training-1/metrics": {
        ...{ training_id: "training-1", steps: [1], tokens: [512], seconds: [1], lines: 1, sampled: false },
        ...{ definitions: [{ name: "penalty", definition: "What active latents cost." }] },
        ...Object.fromEntries(names.map((name) => [name, flat(name === "revived" ? 0 : 0.5)])),
        coefficient: flat(2),
      },
    },
  );
  expect(await screen.findByText(/^Penalty: what/)).toBeVisible();
  expect(screen.getByText(/^Coefficient: weight/)).toBeVisible();
  expect(screen.queryByText(/^Revived/)).toBeNull();
});
