import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Route, Routes } from "react-router";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createQueryClient } from "@/api/queryClient";
import type { components } from "@/api/schema";
import { draw, expectAccessible } from "../../../tests/draw";
import { events, failure, fakeStudio, list } from "../../../tests/studio";
import { choiceOf, paramsOf } from "./choice";
import { difference } from "./difference";
import SteeringPage from "./Page";
import type { Feature, FeatureSet, Result, Suggestion, Template } from "./queries";
import { useRuns } from "./runs";
import { inWords } from "./zones";

type SteeringEvent = components["schemas"]["SteeringEvent"];

const set = {
  id: "features-1",
  name: "found",
  sae: { id: "sae-1", name: "first" },
  model: { id: "model-1", name: "tiny" },
  hook: "resid_post.3",
} as FeatureSet;
const feature = { latent: 7, label: "taxes", top_tokens: [" tax"], density: 0.01, max: 12 } as Feature;
const suggestion: Suggestion = { latent: 7, subtle: 1, moderate: 2, strong: 3, reason: "Shares.", max_activation: 12 };

const result: Result = {
  model_id: "model-1",
  model_name: "tiny",
  sae_id: "sae-1",
  sae_name: "first",
  feature_set_id: "features-1",
  hook: "resid_post.3",
  columns: [
    { name: "As it is", edits: [] },
    { name: "Steered", edits: [{ latent: 7, mode: "add", strength: 2 }] },
  ],
  prompts: ["We ask for"],
  prompt_tokens: [4],
  max_activation: { 7: 12 },
  generate: { max_new_tokens: 48, temperature: 0, top_p: 1, seed: 0, prepend_bos: true, skip_special: true },
  texts: [
    {
      prompt: 0,
      column: 0,
      text: " more time",
      tokens: 2,
      tokens_edited: 0,
      tokens_massive: 0,
      readings: [{ latent: 7, text: 3.1, steered: 3.1 }],
    },
    {
      prompt: 0,
      column: 1,
      text: " more taxes",
      tokens: 2,
      tokens_edited: 6,
      tokens_massive: 0,
      readings: [{ latent: 7, text: 9, steered: 12.4 }],
    },
  ],
  tokens: 4,
  seconds: 2,
  tokens_per_second: 2,
};
const token = (first: string, second: string): SteeringEvent => ({
  type: "tokens",
  pieces: [
    { prompt: 0, column: 0, text: first, special: false },
    { prompt: 0, column: 1, text: second, special: false },
  ],
});
const written: SteeringEvent[] = [
  { type: "loading", entity: "model", name: "tiny" },
  { type: "start", columns: result.columns, prompts: result.prompts },
  token(" more", " more"),
  token(" time", " taxes"),
  { type: "done", result },
];

const answers = {
  "GET /feature-sets": list([set]),
  "GET /feature-sets/features-1/features": list([feature]),
  "GET /feature-sets/features-1/features/7": { feature },
  "GET /steering/suggestion": suggestion,
  "GET /templates": list([]),
  "POST /steering/generate": () => events(written),
};
const chosen = "/steering?set=features-1&edit=7:add&prompt=We+ask+for";
const show = (at: string) =>
  draw(
    <Routes>
      <Route path="/steering" element={<SteeringPage />} />
    </Routes>,
    { at, client: createQueryClient() },
  );
const address = () => screen.getByTestId("address").textContent;

beforeEach(() => useRuns.setState({ runs: [] }));
afterEach(() => vi.unstubAllGlobals());

it("says what is needed where there are no features", async () => {
  fakeStudio({ ...answers, "GET /feature-sets": list([]) });
  show("/steering");
  expect(await screen.findByText("Nothing to steer with yet")).toBeVisible();
  await expectAccessible();
});

it("adds a feature that was searched for, at the strength that is suggested", async () => {
  fakeStudio(answers);
  show("/steering");
  expect(await screen.findByText("Add a feature first.")).toBeVisible();
  await userEvent.click(screen.getByRole("button", { name: "Add a feature" }));
  await screen.findByRole("option", { name: /taxes/ });
  await expectAccessible();
  await userEvent.keyboard("{Enter}");
  expect(await screen.findByRole("slider", { name: "Strength of taxes" })).toHaveAttribute(
    "aria-valuetext",
    "2 × its largest activation, moderate",
  );
  expect(address()).toContain("edit=7%3Aadd");
});

it("writes both texts beside each other, marks what differs, and says whether it took hold", async () => {
  const asked = fakeStudio(answers);
  show(chosen);
  const button = await screen.findByRole("button", { name: "Generate" });
  await waitFor(() => expect(button).toBeEnabled());
  await userEvent.click(button);
  await screen.findByText("Did it take hold?");
  const steered = screen.getByRole("region", { name: "Steered" });
  expect(steered).toHaveTextContent("We ask for more taxes");
  expect(within(steered).getByText("taxes")).toHaveClass("bg-accent-soft");
  const row = screen.getByRole("row", { name: /taxes/ });
  expect(row).toHaveTextContent("3.1");
  expect(row).toHaveTextContent("↑ 12.4");
  expect(asked.find(({ path }) => path === "/steering/generate")?.body).toMatchObject({
    feature_set_id: "features-1",
    prompts: ["We ask for"],
    edits: [{ latent: 7, mode: "add", strength: 2 }],
  });
  await expectAccessible();
});

it("says that the model is being loaded, and stops when one says so", async () => {
  const loading = `event: loading\ndata: ${JSON.stringify(written[0])}\n\n`;
  const asked = fakeStudio({
    ...answers,
    "POST /steering/generate": ({ signal }: { signal: AbortSignal }) =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode(loading));
            signal.addEventListener("abort", () => controller.error(new DOMException("Hung up", "AbortError")));
          },
        }),
      ),
  });
  show(chosen);
  const button = await screen.findByRole("button", { name: "Generate" });
  await waitFor(() => expect(button).toBeEnabled());
  await userEvent.click(button);
  expect(await screen.findByText("The model tiny is being loaded…")).toBeVisible();
  await userEvent.click(screen.getByRole("button", { name: "Stop" }));
  expect(await screen.findAllByText("Stopped")).not.toHaveLength(0);
  expect(asked.find(({ path }) => path === "/steering/generate")?.signal.aborted).toBe(true);
});

it("says why it could not be written", async () => {
  fakeStudio({
    ...answers,
    "POST /steering/generate": () => failure(503, "NotEnoughMemory", "The model does not fit."),
  });
  show(chosen);
  const button = await screen.findByRole("button", { name: "Generate" });
  await waitFor(() => expect(button).toBeEnabled());
  await userEvent.click(button);
  expect(await screen.findByText("The model does not fit.")).toBeVisible();
  expect(screen.getByRole("button", { name: "Generate" })).toBeEnabled();
});

it("brings back what a template keeps", async () => {
  const template: Template = {
    id: "template-1",
    name: "more taxes",
    description: "",
    is_favorite: false,
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    kind: "steering",
    config: {
      feature_set_id: "features-1",
      edits: [{ latent: 7, mode: "clamp", strength: 0 }],
      generate: result.generate,
      prompts: ["We ask for"],
    },
  };
  fakeStudio({ ...answers, "GET /templates/template-1": template });
  show("/steering?template=template-1");
  expect(await screen.findByRole("textbox", { name: "Text to continue" })).toHaveValue("We ask for");
  expect(await screen.findByText("switched off")).toBeVisible();
  expect(address()).toBe("/steering?set=features-1&edit=7%3Aclamp%3A0&prompt=We+ask+for");
});

it("writes a choice into an address and reads it again", () => {
  const address = "set=s&edit=7%3Aadd&edit=9%3Aclamp%3A-1.5&prompt=a&temperature=0.8";
  expect(paramsOf(choiceOf(new URLSearchParams(address))).toString()).toBe(address);
  expect(choiceOf(new URLSearchParams("edit=x&edit=3&edit=3:clamp")).edits).toEqual([
    { latent: 3, mode: "add", strength: null },
  ]);
});

it("calls strengths by what they do", () => {
  expect([0, 0.4, 1, 2, -3, 5].map((each) => inWords("add", each, suggestion))).toEqual([
    "changes nothing",
    "hardly felt",
    "subtle",
    "moderate",
    "strong",
    "likely to break the language",
  ]);
});

it("finds what two texts do not share", () => {
  const [first, second] = difference("the old red house", "the new red house");
  expect(first.filter(({ own }) => own).map(({ text }) => text)).toEqual([" old"]);
  expect(second.filter(({ own }) => own).map(({ text }) => text)).toEqual([" new"]);
  expect(second.map(({ text }) => text).join("")).toBe("the new red house");
});

it("generates nothing while a strength is no number, and warns of one that is far too great", async () => {
  fakeStudio(answers);
  show(chosen);
  const strength = await screen.findByLabelText("Strength of taxes, as a number");
  await userEvent.clear(strength);
  await userEvent.type(strength, "abc");
  expect(screen.getByRole("button", { name: "Generate" })).toBeDisabled();
  expect(screen.getByText("Write the strength as a number.")).toBeVisible();
  await userEvent.clear(strength);
  await userEvent.type(strength, "1000");
  expect(screen.getByRole("button", { name: "Generate" })).toBeEnabled();
  expect(screen.getByText(/Far beyond what is suggested: 3 is/)).toBeVisible();
});
