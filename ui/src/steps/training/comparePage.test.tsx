import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Route, Routes } from "react-router";
import { afterEach, expect, it, vi } from "vitest";
import { applyEvents, type Delivery } from "@/api/events";
import { createQueryClient } from "@/api/queryClient";
import { draw, expectAccessible } from "../../../tests/draw";
import { fakeStudio, list } from "../../../tests/studio";
import ComparePage from "./ComparePage";
import TrainingsPage from "./Page";
import { pointsOf, type Run } from "./parts/ComparedCurves";
import type { Curves } from "./queries";

const names = [
  ...(["loss", "auxiliary_loss", "fvu", "l0", "dead_share", "lr", "gradient_norm"] as const),
  ...(["penalty", "coefficient", "revived"] as const),
];
const curves = (steps: number[], batch: number, fvu: number): Curves =>
  ({
    training_id: "any",
    steps,
    tokens: steps.map((step) => step * batch),
    seconds: steps,
    lines: steps.length,
    sampled: false,
    definitions: [],
    ...Object.fromEntries(
      names.map((name) => [name, { min: steps.map(() => fvu), mean: steps.map(() => fvu), max: steps.map(() => fvu) }]),
    ),
  }) as unknown as Curves;

const line = { fvu: 0.3, l0: 32, dead_share: 0, loss: 0.1, lr: 0.001 };
const training = (id: string, more: object = {}) => ({
  ...{ id, name: `name-of-${id}`, state: "running", origin: "studio", source: "model", model: null },
  ...{ model_name: "tiny", dataset: null, tokenization: null, recordings: [], sae: null, hook: "resid_post.1" },
  ...{ d_in: 32, d_sae: 128, learning_rate: 0.001, step: 20, total_steps: 100, tokens: 10_240, seconds: 3 },
  ...{ config: { sae: { architecture: "topk", k: 4 }, tokens: 300_000, batch_size: 512, seed: 0 } },
  ...{ last_line: line, tokens_per_second: null, eta_seconds: null, job: null, created_at: "2026-01-01T00:00:00Z" },
  ...more,
});
const answers = {
  "GET /trainings": list([training("a"), training("b")]),
  "GET /trainings/a": training("a"),
  "GET /trainings/b": training("b", { state: "completed", last_line: { ...line, fvu: 0.2 } }),
  "GET /trainings/a/metrics": curves([10, 20], 512, 0.5),
  "GET /trainings/b/metrics": curves([10, 30], 512, 0.4),
};
const show = (at: string) => {
  const client = createQueryClient();
  draw(
    <Routes>
      <Route path="/training" element={<TrainingsPage />} />
      <Route path="/training/compare" element={<ComparePage />} />
    </Routes>,
    { at, client },
  );
  return client;
};

afterEach(() => vi.unstubAllGlobals());

it("puts the points of runs of different batches in one order", () => {
  const run = (id: string, found: Curves): Run => ({ id, name: id, color: 1, curves: found });
  const runs = [run("a", curves([1, 2], 100, 0.5)), run("b", curves([1, 2], 200, 0.4))];
  expect(pointsOf(runs, "fvu", "tokens")).toEqual([
    { x: 100, a: 0.5 },
    { x: 200, a: 0.5, b: 0.4 },
    { x: 400, b: 0.4 },
  ]);
  expect(pointsOf(runs, "fvu", "step")).toHaveLength(2);
});

it("is gone to with the trainings that are chosen in the table", async () => {
  fakeStudio(answers);
  show("/training");
  const rows = await screen.findAllByRole("row", { name: /name-of/ });
  expect(screen.queryByRole("link", { name: /^Compare/ })).toBeNull();
  for (const row of rows) await userEvent.click(within(row).getByRole("checkbox"));
  await userEvent.click(screen.getByRole("link", { name: "Compare 2" }));
  expect(await screen.findByRole("heading", { level: 1, name: "Compare trainings" })).toBeVisible();
  expect(screen.getByTestId("address")).toHaveTextContent("/training/compare?ids=a,b");
});

it("draws a line a training in each chart, and adds what comes while one runs", async () => {
  fakeStudio(answers);
  const client = show("/training/compare?ids=a,b");
  const chart = within(await screen.findByRole("figure", { name: /^FVU/ }));
  expect(chart.getByText(/name-of-a: from 0.5 at Tokens 5.12k to 0.5 at Tokens 10.2k/)).toBeInTheDocument();
  expect(chart.getByText(/name-of-b: from 0.4 at Tokens 5.12k to 0.4 at Tokens 15.4k/)).toBeInTheDocument();
  const point = {
    ...line,
    step: 40,
    tokens: 20_480,
    fvu: 0.1,
    auxiliary_loss: 0,
    gradient_norm: 1,
    penalty: 0,
    coefficient: 0,
    revived: 0,
    seconds: 9,
  };
  const data = { type: "training.metrics", training_id: "a", points: [point] };
  act(() => applyEvents(client, [{ seq: 1, channel: "trainings/a", type: data.type, data } as unknown as Delivery]));
  expect(await chart.findByText(/name-of-a: from 0.5 at Tokens 5.12k to 0.1 at Tokens 20.5k/)).toBeInTheDocument();
  await userEvent.click(screen.getByRole("radio", { name: "By step" }));
  expect(await chart.findByText(/name-of-a: from 0.5 at Step 10 to 0.1 at Step 40/)).toBeInTheDocument();
  expect(screen.getByTestId("address")).toHaveTextContent("along=step");
  await expectAccessible();
});

it("says how to choose where fewer than two are named, and how many it shows where too many are", async () => {
  fakeStudio(answers);
  show("/training/compare?ids=a");
  expect(await screen.findByText("Nothing to compare yet")).toBeVisible();
});

it("says what is wrong where one of them is gone", async () => {
  fakeStudio(answers);
  show("/training/compare?ids=a,gone");
  await waitFor(() => expect(screen.getByText(/There is nothing at/)).toBeVisible());
});
