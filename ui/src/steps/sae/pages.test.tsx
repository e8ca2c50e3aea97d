import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Route, Routes } from "react-router";
import { afterEach, expect, it, vi } from "vitest";
import { createQueryClient } from "@/api/queryClient";
import { draw, expectAccessible } from "../../../tests/draw";
import { answers, sae } from "../../../tests/saeAnswers";
import { failure, fakeStudio, list } from "../../../tests/studio";
import SaesPage from "./Page";
import SaePage from "./SaePage";

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

it("shows what one is worth, and leads to the report of each measurement", async () => {
  fakeStudio(answers);
  show("/saes/sae-1");
  await screen.findByRole("heading", { level: 1, name: "first" });
  expect(screen.getByText(/residual stream after layer 3, 8 numbers/)).toBeVisible();
  expect(screen.getByText("75 %")).toBeVisible();
  const table = screen.getByRole("grid", { name: "Evaluations" });
  expect(within(table).getByRole("link")).toHaveAttribute("href", "/saes/sae-1/evaluations/evaluation-1");
  expect(await screen.findByText("Not probed yet")).toBeVisible();
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
