import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Route, Routes } from "react-router";
import { afterEach, expect, it, vi } from "vitest";
import { createQueryClient } from "@/api/queryClient";
import { draw, expectAccessible } from "../../../tests/draw";
import { failure, fakeStudio, list } from "../../../tests/studio";
import SaesPage from "./Page";
import SaePage from "./SaePage";
import type { Evaluation, Measured, SaeDetail, Tokenization } from "./queries";

const number = (name: string, value: number, unit = "1"): Measured => ({
  name,
  title: `Title of ${name}`,
  symbol: name,
  unit,
  better: "lower",
  definition: `Definition of ${name}.`,
  source: "A paper",
  value,
});

const evaluation: Evaluation = {
  id: "evaluation-1",
  sae: { id: "sae-1", name: "first" },
  tokenization: { id: "tokens-1", name: "stories-tokens" },
  dataset: { id: "corpus-1", name: "stories" },
  model_name: "tiny",
  config: { split: "held_out", max_tokens: 1000, splice_contexts: 4, batch_contexts: 8 },
  tokens: 990,
  tokens_read: 1000,
  predictions: 200,
  excluded_special: 10,
  excluded_massive: 0,
  rule: "excluded: special tokens",
  numbers: [
    number("fvu", 0.25),
    number("l0", 8, "latents/token"),
    number("ce_model", 3, "nats/token"),
    number("ce_spliced", 3.5, "nats/token"),
    number("ce_mean", 8, "nats/token"),
    number("loss_recovered_mean", 0.9),
  ],
  density_histogram: { edges_log10: [-2, -1, 0], counts: [40, 20], never: 4 },
  density: number("density_histogram", 0),
  created_at: "2026-01-01T00:00:00Z",
  job_id: null,
};

const sae: SaeDetail = {
  id: "sae-1",
  name: "first",
  bytes: 2 ** 20,
  path: "/srv/first",
  model: { id: "model-1", name: "tiny" },
  model_name: "tiny",
  hook: "resid_post.3",
  architecture: "topk",
  d_in: 8,
  d_sae: 64,
  k: 8,
  training: { id: "training-1", name: "first" },
  recording: null,
  tokenization: { id: "tokens-1", name: "stories-tokens" },
  dataset: { id: "corpus-1", name: "stories" },
  training_numbers: [number("fvu", 0.2), number("dead_share", 0.5)],
  feature_sets: 0,
  evaluations: 1,
  newest_evaluation: evaluation,
  created_at: "2026-01-01T00:00:00Z",
  job_id: null,
  config: { seed: 0 },
  rule: null,
  feature_set_list: [],
  evaluation_list: [evaluation],
};

const text = {
  id: "tokens-1",
  name: "stories-tokens",
  tokens: 12_000,
  dataset: { id: "corpus-1", name: "stories" },
  model: { id: "model-1", name: "tiny" },
} as Tokenization;

const answers = {
  "GET /saes": list([sae]),
  "GET /saes/sae-1": sae,
  "GET /jobs": list([]),
  "GET /tokenizations": list([text]),
  "GET /recordings": list([]),
};

const show = (at: string) =>
  draw(
    <Routes>
      <Route path="/saes" element={<SaesPage />} />
      <Route path="/saes/:id" element={<SaePage />} />
    </Routes>,
    { at, client: createQueryClient() },
  );

afterEach(() => vi.unstubAllGlobals());

it("lists SAEs with where they read and what they are worth", async () => {
  fakeStudio(answers);
  show("/saes");
  await screen.findByText("Residual stream after layer 3");
  const row = screen.getByRole("row", { name: /first/ });
  expect(row).toHaveTextContent("0.25");
  expect(row).toHaveTextContent("50 %");
  await expectAccessible();
});

it("says what an SAE is and how to get one where there is none", async () => {
  fakeStudio({ ...answers, "GET /saes": list([]) });
  show("/saes");
  expect(await screen.findByText("No SAEs yet")).toBeVisible();
  await expectAccessible();
});

it("shows what one is worth, every number with its meaning", async () => {
  fakeStudio(answers);
  show("/saes/sae-1");
  await screen.findByRole("heading", { level: 1, name: "first" });
  expect(screen.getByText(/residual stream after layer 3, 8 numbers/)).toBeVisible();
  expect(screen.getByText("75 %")).toBeVisible();
  expect(screen.getByText("With the SAE in its place").closest("div")).toHaveTextContent("3.5 nats/token");
  const table = screen.getByRole("table", { name: "All numbers of the evaluation" });
  for (const { definition } of evaluation.numbers)
    expect(within(table).getByText(new RegExp(definition))).toBeVisible();
  await expectAccessible();
});

it("opens the search for features by its address, and starts it", async () => {
  const asked = fakeStudio({ ...answers, "POST /feature-sets": { job: {} } });
  show("/saes/sae-1?find=1");
  const dialog = await screen.findByRole("dialog", { name: "Find features" });
  await within(dialog).findByText(/stories \(12k tokens\)/);
  await expectAccessible();
  await userEvent.click(within(dialog).getByRole("button", { name: "Find features" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  const post = asked.find(({ method }) => method === "POST");
  expect(post?.body).toMatchObject({ sae_id: "sae-1", model_id: "model-1", tokenization_id: "tokens-1" });
  expect(screen.getByTestId("address")).toHaveTextContent("/saes/sae-1");
});

it("says what is wrong with the number of tokens or the name before it asks for a search", async () => {
  const asked = fakeStudio({
    ...answers,
    "POST /feature-sets": () => failure(409, "NotAllowedNow", "The model is gone."),
    "POST /jobs/estimate": { seconds: 125 },
  });
  show("/saes/sae-1?find=1");
  const dialog = await screen.findByRole("dialog", { name: "Find features" });
  await within(dialog).findByText(/It takes about 2 min/);
  const [start, most] = [within(dialog).getByRole("button", { name: "Find features" }), /^At most/];
  for (const text of ["-5", "0", "xyz"]) {
    await userEvent.clear(within(dialog).getByLabelText(most));
    await userEvent.type(within(dialog).getByLabelText(most), text);
    expect(within(dialog).getByText("A whole number of at least 1, or nothing.")).toBeVisible();
    expect(start).toBeDisabled();
  }
  await userEvent.clear(within(dialog).getByLabelText(most));
  await userEvent.type(within(dialog).getByLabelText("Name"), "my features");
  expect(within(dialog).getByText(/no spaces/)).toBeVisible();
  expect(start).toBeDisabled();
  await userEvent.clear(within(dialog).getByLabelText("Name"));
  await userEvent.click(start);
  expect(await within(dialog).findByText("The model is gone.")).toBeVisible();
  await userEvent.type(within(dialog).getByLabelText("Name"), "x");
  expect(within(dialog).queryByText("The model is gone.")).toBeNull();
  expect(asked.filter(({ path }) => path === "/feature-sets")).toHaveLength(1);
});

it("offers no second search while one runs", async () => {
  const job = { id: "job-1", kind: "find", state: "running", title: "Find features of first", stage: "encode" };
  const work = { done: 262_144, total: 697_287, rate: null, eta_seconds: null, subject: "saes/sae-1", request: {} };
  fakeStudio({ ...answers, "GET /jobs": list([{ ...job, ...work }]) });
  show("/saes/sae-1");
  expect(await screen.findByText("262,144 of 697,287 tokens")).toBeVisible();
  expect(screen.getByText("They are being found")).toBeVisible();
  expect(screen.queryByRole("button", { name: "Find features" })).toBeNull();
});

it("says why a measurement was not begun", async () => {
  fakeStudio({ ...answers, "POST /saes/sae-1/evaluations": () => failure(409, "NotAllowedNow", "The model is gone.") });
  show("/saes/sae-1?evaluate=1");
  const dialog = await screen.findByRole("dialog", { name: "Measure the SAE" });
  await within(dialog).findByText(/stories/);
  await userEvent.click(within(dialog).getByRole("button", { name: "Measure it" }));
  expect(await within(dialog).findByText("The model is gone.")).toBeVisible();
  expect(within(dialog).getByText("Try something else.")).toBeVisible();
});

it("says what was found with it before it is deleted", async () => {
  const found = {
    id: "features-1",
    name: "its-features",
    tokens: 10,
    latents: 64,
    alive: 60,
    created_at: sae.created_at,
  };
  const asked = fakeStudio({
    ...answers,
    "GET /saes/sae-1": { ...sae, feature_set_list: [found] },
    "DELETE /saes/sae-1": { job: {} },
  });
  show("/saes/sae-1");
  await userEvent.click(await screen.findByRole("button", { name: "Delete" }));
  const dialog = await screen.findByRole("alertdialog");
  expect(dialog).toHaveTextContent("its-features was found with it");
  await userEvent.click(within(dialog).getByRole("button", { name: "Delete" }));
  await waitFor(() => expect(asked.some(({ method }) => method === "DELETE")).toBe(true));
  expect(asked.find(({ method }) => method === "DELETE")?.query.get("force")).toBe("true");
});
