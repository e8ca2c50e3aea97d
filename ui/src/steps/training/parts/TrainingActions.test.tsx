import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { createQueryClient } from "@/api/queryClient";
import { draw, expectAccessible } from "../../../../tests/draw";
import { failure, fakeStudio } from "../../../../tests/studio";
import type { Training } from "../queries";
import { TrainingActions } from "./TrainingActions";

const training: Training = {
  id: "training-1",
  name: "first",
  state: "completed",
  origin: "studio",
  job: null,
  source: "recording",
  model: { id: "model-1", name: "tiny" },
  model_name: "tiny",
  dataset: null,
  tokenization: null,
  recordings: [],
  sae: { id: "sae-1", name: "first" },
  hook: "resid_post.1",
  d_in: 32,
  d_sae: 128,
  config: { sae: { k: 4, d_sae: 128 } } as Training["config"],
  learning_rate: 0.001,
  step: 100,
  total_steps: 100,
  tokens: 25600,
  last_line: null,
  tokens_per_second: null,
  eta_seconds: null,
  seconds: 3,
  created_at: "2026-01-01T00:00:00Z",
  started_at: null,
  finished_at: null,
};

const show = (shown: Training) => draw(<TrainingActions training={shown} />, { client: createQueryClient() });

async function remove() {
  await userEvent.click(screen.getByRole("button", { name: "Delete" }));
  const dialog = await screen.findByRole("alertdialog");
  await userEvent.click(within(dialog).getByRole("button", { name: "Delete" }));
}

afterEach(() => vi.unstubAllGlobals());

it("deletes a finished training and keeps its SAE, as the dialog says", async () => {
  const asked = fakeStudio({
    "DELETE /trainings/training-1": ({ query }: { query: URLSearchParams }) =>
      query.get("force") === "true" ? { job_id: "job-1" } : failure(409, "StillUsed", "first was made of it."),
  });
  show(training);
  await userEvent.click(screen.getByRole("button", { name: "Delete" }));
  expect(await screen.findByText(/The SAE that it made stays/)).toBeInTheDocument();
  await expectAccessible(screen.getByRole("alertdialog"));
  await userEvent.keyboard("{Escape}");
  await remove();
  await waitFor(() => expect(screen.getByTestId("address")).toHaveTextContent("/training"));
  expect(asked.map(({ method, path }) => `${method} ${path}`)).toContain("DELETE /trainings/training-1");
});

it("forces nothing where there is no SAE", async () => {
  const asked = fakeStudio({ "DELETE /trainings/training-1": { job_id: "job-1" } });
  show({ ...training, state: "cancelled", sae: null });
  await remove();
  await waitFor(() => expect(asked.some(({ method }) => method === "DELETE")).toBe(true));
  expect(asked.find(({ method }) => method === "DELETE")?.query.get("force")).not.toBe("true");
});

it.each(["queued", "running", "pausing", "paused"] as const)("offers no Delete while it is %s", (state) => {
  fakeStudio({});
  show({ ...training, state, sae: null });
  expect(screen.queryByRole("button", { name: "Delete" })).not.toBeInTheDocument();
});
