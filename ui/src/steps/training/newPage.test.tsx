import { architectures } from "./architectures";
import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { createQueryClient } from "@/api/queryClient";
import { fieldsOf } from "@/kit/jsonSchema";
import document from "../../../openapi.json";
import { draw, expectAccessible } from "../../../tests/draw";
import { failure, fakeStudio, list } from "../../../tests/studio";
import NewTrainingPage from "./NewPage";
import { groupOf, labels } from "./optionNames";

const recording = { id: "recording-1", name: "recorded", tokens: 900, model: null, hooks: [{ hook: "resid_post.1" }] };
const model = { id: "model-1", name: "tiny", n_layers: 2 };
const dataset = { id: "dataset-1", name: "stories", documents: 9 };
const estimate = {
  ...{ kind: "train", memory: [], memory_bytes: 1, device: "cpu", device_memory: [], device_memory_bytes: 0 },
  ...{ disk: [], disk_bytes: 1, seconds: 60, seconds_basis: "", facts: {}, memory_available_bytes: 9 },
  ...{ device_memory_available_bytes: null, disk_free_bytes: 9, fits: true, problems: [], advice: [] },
};
const answers = {
  "GET /api/openapi.json": () => Response.json(document),
  "GET /models": list([model]),
  "GET /datasets": list([dataset]),
  "GET /recordings": list([recording]),
  "GET /tokenizations": list([{ id: "tokens-1", model, dataset }]),
  "GET /templates": list([]),
  "POST /trainings/estimate": estimate,
};
const show = () => draw(<NewTrainingPage />, { at: "/training/new", client: createQueryClient() });
const start = () => screen.getByRole("button", { name: "Start training" });

afterEach(() => vi.unstubAllGlobals());

it("chooses the only recording by itself", async () => {
  fakeStudio(answers);
  show();
  expect(await screen.findByText(/recorded \(900 tokens/)).toBeVisible();
  await waitFor(() => expect(start()).toBeEnabled());
  await expectAccessible();
});

it("chooses the only model and the only text where nothing is recorded", async () => {
  fakeStudio({ ...answers, "GET /recordings": list([]) });
  show();
  expect(await screen.findByText("Layer 1")).toBeVisible();
  expect(screen.getByText(/stories \(9 documents\)/)).toBeVisible();
  await waitFor(() => expect(start()).toBeEnabled());
});

it("says which number is wrong, and warns of a learning rate that is far too high", async () => {
  fakeStudio(answers);
  show();
  const tokens = await screen.findByLabelText("Training tokens");
  for (const text of ["0", "many"]) {
    await userEvent.clear(tokens);
    await userEvent.type(tokens, text);
    expect(screen.getAllByText(/Training tokens: (More than 0|This must be a number)/)).not.toHaveLength(0);
    expect(start()).toBeDisabled();
  }
  await userEvent.selectOptions(screen.getByLabelText("Learning rate"), "A number");
  const rate = screen.getByLabelText("Learning rate, as a number");
  await userEvent.clear(rate);
  await userEvent.type(rate, "1000");
  expect(screen.getByText(/Far above what trains/)).toBeVisible();
});

it("says what is wrong with the name beside it, and does not start", async () => {
  fakeStudio(answers);
  show();
  await waitFor(() => expect(start()).toBeEnabled());
  await userEvent.type(screen.getByLabelText("Name"), "my sae");
  expect(screen.getByText(/no spaces/)).toBeVisible();
  expect(start()).toBeDisabled();
});

it("does not start what the estimate refuses, and forgets a refusal when something changes", async () => {
  let refusals = 0;
  fakeStudio({
    ...answers,
    "POST /trainings/estimate": ({ body }: { body: { config: { sae: { k: number } } } }) =>
      body.config.sae.k > 1000 ? failure(422, "InvalidConfig", "k is larger than d_sae.") : estimate,
    "POST /trainings": () => failure(409, "NotAllowedNow", `Refused ${(refusals += 1)}.`),
  });
  show();
  await waitFor(() => expect(start()).toBeEnabled());
  await userEvent.click(start());
  expect(await screen.findByText("Refused 1.")).toBeVisible();
  await userEvent.type(screen.getByLabelText("Active latents"), "999");
  expect(screen.queryByText("Refused 1.")).toBeNull();
  expect(await screen.findByText("k is larger than d_sae.")).toBeVisible();
  expect(start()).toBeDisabled();
});

it("trains the architecture that is chosen, with what both have and the defaults of its own", async () => {
  const asked = fakeStudio({ ...answers, "POST /trainings": { job_id: "job-1", job: { subject: null } } });
  show();
  await waitFor(() => expect(start()).toBeEnabled());
  const latents = screen.getByLabelText("Active latents");
  await userEvent.clear(latents);
  await userEvent.type(latents, "16");
  await userEvent.selectOptions(screen.getByLabelText("Architecture"), "BatchTopK");
  expect(screen.getByText(/on average/)).toBeVisible();
  await waitFor(() => expect(start()).toBeEnabled());
  await userEvent.click(start());
  await waitFor(() => expect(asked.some(({ path, method }) => path === "/trainings" && method === "POST")).toBe(true));
  const sent = asked.find(({ path, method }) => path === "/trainings" && method === "POST")?.body;
  expect(sent).toMatchObject({ config: { sae: { architecture: "batchtopk", k: 16 } } });
});

it("explains every architecture and can start it as it stands", async () => {
  fakeStudio(answers);
  show();
  await waitFor(() => expect(start()).toBeEnabled());
  const picker = screen.getByLabelText<HTMLSelectElement>("Architecture");
  const offered = [...picker.options].map(({ value }) => value);
  expect(offered).toEqual(Object.keys(architectures));
  for (const each of offered) {
    await userEvent.selectOptions(picker, each);
    expect(screen.getByText(architectures[each]?.about ?? "nothing")).toBeVisible();
    await waitFor(() => expect(start()).toBeEnabled());
  }
});

it("gives every option a name and a group", () => {
  const fields = fieldsOf(document.components.schemas.TrainConfig, document);
  const paths = fields.flatMap((field) => [
    field.name,
    ...(field.kind === "object" ? field.fields.map(({ name }) => `${field.name}.${name}`) : []),
    ...(field.kind === "union"
      ? Object.values(field.variants).flatMap((each) => each.map(({ name }) => `${field.name}.${name}`))
      : []),
  ]);
  expect(paths.filter((path) => !(path in labels))).toEqual([]);
  const above = ["tokens", "lr"];
  expect(
    fields.filter(({ name, kind }) => kind === "other" || (!above.includes(name) && groupOf(name).title === "More")),
  ).toEqual([]);
});

it("sends options of every group as they were set", async () => {
  const asked = fakeStudio({ ...answers, "POST /trainings": { id: "training-1", job: { subject: null } } });
  show();
  await waitFor(() => expect(start()).toBeEnabled());
  await userEvent.selectOptions(screen.getByLabelText("Learning rate"), "Search for it first");
  for (const group of ["Learning", "Data and memory", "Checkpoints and validation"])
    await userEvent.click(screen.getByText(group));
  await userEvent.selectOptions(screen.getByLabelText("Fall of the learning rate"), "cosine");
  await userEvent.selectOptions(screen.getByLabelText("Normalisation"), "whiten");
  const kept = screen.getByLabelText("Checkpoints kept");
  await userEvent.clear(kept);
  await userEvent.type(kept, "3");
  await userEvent.type(screen.getByLabelText("Validate every"), "50");
  await userEvent.click(screen.getByRole("switch", { name: "Keep the best state" }));
  await waitFor(() => expect(start()).toBeEnabled());
  await userEvent.click(start());
  await waitFor(() => expect(asked.some(({ path, method }) => path === "/trainings" && method === "POST")).toBe(true));
  expect(asked.find(({ path, method }) => path === "/trainings" && method === "POST")?.body).toMatchObject({
    config: {
      ...{ lr: "auto", lr_schedule: "cosine", normalisation: "whiten", keep_checkpoints: 3 },
      validation: { validate_every: 50, keep_best: true, finish_with: "last" },
    },
  });
});

it("shows advice and lets the training be started all the same", async () => {
  const sentence = "The data is passed over 40 times: new text is worth more than further passes.";
  fakeStudio({ ...answers, "POST /trainings/estimate": { ...estimate, advice: [sentence] } });
  show();
  expect(await screen.findByText(sentence)).toBeVisible();
  expect(start()).toBeEnabled();
});
