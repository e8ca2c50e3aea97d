import { screen } from "@testing-library/react";
import { Route, Routes } from "react-router";
import { afterEach, expect, it, vi } from "vitest";
import { createQueryClient } from "@/api/queryClient";
import { draw } from "../../../tests/draw";
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
const show = (state: object) => {
  fakeStudio({ "GET /trainings/training-1": { ...training, job: { ...job, ...state } } });
  draw(
    <Routes>
      <Route path="/training/:id" element={<TrainingPage />} />
    </Routes>,
    { at: "/training/training-1", client: createQueryClient() },
  );
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
