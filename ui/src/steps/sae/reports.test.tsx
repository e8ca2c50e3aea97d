import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Route, Routes } from "react-router";
import { afterEach, expect, it, vi } from "vitest";
import { createQueryClient } from "@/api/queryClient";
import { draw, expectAccessible } from "../../../tests/draw";
import { answers, evaluation, number, ofLabels, ofSpelling, sae } from "../../../tests/saeAnswers";
import { fakeStudio, list } from "../../../tests/studio";
import EvaluationPage from "./EvaluationPage";
import ProbingPage from "./ProbingPage";
import SaePage from "./SaePage";

const show = (at: string) =>
  draw(
    <Routes>
      <Route path="/saes/:id" element={<SaePage />} />
      <Route path="/saes/:id/evaluations/:evaluation" element={<EvaluationPage />} />
      <Route path="/saes/:id/probings/:probing" element={<ProbingPage />} />
    </Routes>,
    { at, client: createQueryClient() },
  );

afterEach(() => vi.unstubAllGlobals());

it("reports an evaluation in charts, every number with its meaning", async () => {
  fakeStudio(answers);
  show("/saes/sae-1?evaluation=evaluation-1");
  await screen.findByRole("heading", { level: 1, name: "Evaluation of first" });
  expect(screen.getByTestId("address")).toHaveTextContent("/saes/sae-1/evaluations/evaluation-1");
  expect(screen.getByText("With the SAE in its place").closest("li")).toHaveTextContent("3.5 nats/token");
  expect(screen.getByText(/4 latents were active on none/)).toBeVisible();
  expect(screen.getAllByText(/Half of the latents have another one at a cosine of 0.4/)[0]).toBeVisible();
  expect(screen.getByRole("link", { name: "Compare with another SAE" })).toBeVisible();
  const table = screen.getByRole("table", { name: "All numbers of the evaluation" });
  for (const { definition } of evaluation.numbers)
    expect(within(table).getByText(new RegExp(definition))).toBeVisible();
  await expectAccessible();
});

it("says with which SAE it was compared, and what of it is known", async () => {
  const numbers = [...evaluation.numbers, number("stability_cosine", 0.62), number("stability_mcc", 0.55)];
  const compared = { ...evaluation, numbers, against: { id: "sae-2", name: "second" } };
  fakeStudio({ ...answers, "GET /saes/sae-1": { ...sae, evaluation_list: [compared] } });
  show("/saes/sae-1/evaluations/evaluation-1");
  expect(await screen.findByRole("link", { name: "second" })).toHaveAttribute("href", "/saes/sae-2");
  expect(screen.getAllByText("0.55")[0]).toBeVisible();
});

it("says so where an evaluation is gone", async () => {
  fakeStudio(answers);
  show("/saes/sae-1/evaluations/nothing");
  expect(await screen.findByText("This evaluation is not here")).toBeVisible();
});

it("compares with another SAE of the same hook point", async () => {
  const other = { ...sae, id: "sae-2", name: "second" };
  const asked = fakeStudio({
    ...answers,
    "GET /saes": list([sae, other, { ...sae, id: "sae-3", name: "wider", d_in: 16 }]),
    "POST /saes/sae-1/evaluations": { job: {} },
  });
  show("/saes/sae-1?evaluate=1");
  const dialog = await screen.findByRole("dialog", { name: "Measure the SAE" });
  await within(dialog).findByRole("option", { name: "second" });
  expect(within(dialog).queryByRole("option", { name: "wider" })).toBeNull();
  await userEvent.selectOptions(within(dialog).getByLabelText("Compare with"), "second");
  await expectAccessible();
  await userEvent.click(within(dialog).getByRole("button", { name: "Measure it" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(asked.find(({ method }) => method === "POST")?.body).toMatchObject({ against_id: "sae-2" });
});

const field = (name: string, examples: (string | number)[]) => ({ name, documents: 90, examples });
const probable = {
  ...answers,
  "GET /datasets": list([{ id: "corpus-1", name: "stories", documents: 90 }]),
  "GET /datasets/corpus-1/statistics": { metadata: [field("year", [1790, 1791]), field("party", ["Whig"])] },
  "POST /saes/sae-1/probings": { job: {} },
};

it("probes for a label that the documents have, a number cut into classes", async () => {
  const asked = fakeStudio(probable);
  show("/saes/sae-1?probe=1");
  const dialog = await screen.findByRole("dialog", { name: "Probe the SAE" });
  const label = await within(dialog).findByRole("combobox", { name: /^Label/ });
  expect(within(dialog).getByLabelText(/^Classes/)).toHaveValue("2");
  await expectAccessible();
  await userEvent.selectOptions(label, "party");
  expect(within(dialog).queryByLabelText(/^Classes/)).toBeNull();
  await userEvent.selectOptions(within(dialog).getByLabelText(/^Keep together/), "year");
  await userEvent.click(within(dialog).getByRole("button", { name: "Probe it" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(asked.find(({ method }) => method === "POST")?.body).toMatchObject({
    dataset_id: "corpus-1",
    config: { labels: { label: "party", group: "year", bins: null, perturbed: [2, 5, 10, 20, 50] } },
  });
});

it("probes for spelling without any text", async () => {
  const asked = fakeStudio(probable);
  show("/saes/sae-1?probe=1");
  const dialog = await screen.findByRole("dialog", { name: "Probe the SAE" });
  await userEvent.click(within(dialog).getByRole("radio", { name: "Spelling of words" }));
  await userEvent.click(within(dialog).getByRole("button", { name: "Probe it" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(asked.find(({ method }) => method === "POST")?.body).toMatchObject({
    dataset_id: null,
    config: { spelling: { max_words: 6000 } },
  });
});

it("reports what latents know of labels, with the score that is chosen", async () => {
  fakeStudio({ ...answers, "GET /saes/sae-1/probings/probing-1": ofLabels });
  show("/saes/sae-1/probings/probing-1");
  await screen.findByRole("heading", { level: 1, name: "Probing of first" });
  const bars = within(screen.getByRole("list", { name: "Scores of the probes" }));
  expect(bars.getByText("1 latent").closest("li")).toHaveTextContent("71 %");
  expect(screen.getByText(/none \(2\)/)).toBeVisible();
  await userEvent.click(screen.getByRole("radio", { name: "AUC" }));
  expect(bars.getByText("1 latent").closest("li")).toHaveTextContent("95 %");
  expect(screen.getByRole("table", { name: /Fall of balanced accuracy/ })).toHaveTextContent("0.21");
  await expectAccessible();
});

it("reports absorption letter by letter, with the words that are absorbed", async () => {
  fakeStudio({ ...answers, "GET /saes/sae-1/probings/probing-2": ofSpelling });
  show("/saes/sae-1/probings/probing-2");
  await screen.findByRole("heading", { level: 1, name: "Probing of first" });
  expect(screen.getByText("25 %: 10 of 40 words")).toBeVisible();
  expect(screen.getByRole("table", { name: "Absorbing latents" })).toHaveTextContent("snake, snail");
  await expectAccessible();
});

it("lists probings with what they found", async () => {
  fakeStudio({ ...answers, "GET /saes/sae-1/probings": [ofLabels, ofSpelling] });
  show("/saes/sae-1");
  expect(await screen.findByText("one latent 71 %, without the SAE 90 % right")).toBeVisible();
  expect(screen.getByText("25 % of words absorbed, 1 letter split")).toBeVisible();
});
