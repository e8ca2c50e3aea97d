import { fireEvent, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Route, Routes } from "react-router";
import { afterEach, expect, it, vi } from "vitest";
import { createQueryClient } from "@/api/queryClient";
import { draw, expectAccessible } from "../../../tests/draw";
import { answers, feature, of, set } from "../../../tests/featureAnswers";
import { failure, fakeStudio, list } from "../../../tests/studio";
import FeaturePage from "./FeaturePage";
import FeatureSetsPage from "./Page";
import SetPage from "./SetPage";

const show = (at: string) =>
  draw(
    <Routes>
      <Route path="/features" element={<FeatureSetsPage />} />
      <Route path="/features/:set" element={<SetPage />} />
      <Route path="/features/:set/:latent" element={<FeaturePage />} />
    </Routes>,
    { at, client: createQueryClient() },
  );
const address = () => screen.getByTestId("address").textContent;

afterEach(() => vi.unstubAllGlobals());

it("lists feature sets, and goes to the only one", async () => {
  fakeStudio(answers);
  const { unmount } = show("/features");
  await screen.findByText("other");
  await expectAccessible();
  unmount();
  fakeStudio({ ...answers, "GET /feature-sets": list([set]) });
  show("/features");
  await waitFor(() => expect(address()).toBe("/features/features-1"));
});

it("keeps filters and order in the address, and asks the server for them", async () => {
  const asked = fakeStudio(answers);
  show("/features/features-1?min_density=0.001&alive=true");
  await screen.findByText("taxes");
  await expectAccessible();
  await userEvent.type(screen.getByRole("searchbox"), "tax");
  await waitFor(() => expect(address()).toContain("search=tax"));
  await userEvent.click(screen.getByRole("button", { name: "Starred" }));
  await userEvent.click(screen.getByRole("button", { name: /^Density$/ }));
  await waitFor(() => {
    const last = asked.filter(({ path }) => path === `${of}/features`).at(-1)?.query;
    expect(Object.fromEntries(last ?? [])).toMatchObject({
      search: "tax",
      min_density: "0.001",
      alive: "true",
      starred: "true",
      sortBy: "density",
    });
  });
});

it("is walked with j and k, starred with s, searched with /", async () => {
  const asked = fakeStudio({ ...answers, [`PATCH ${of}/features/9`]: feature(9, { starred: true }) });
  show("/features/features-1");
  await screen.findByText("taxes");
  await userEvent.keyboard("j");
  const rows = screen.getAllByRole("row").filter((row) => row.dataset.index !== undefined);
  expect(rows[0]).toHaveFocus();
  await userEvent.keyboard("j");
  expect(rows[1]).toHaveFocus();
  await userEvent.keyboard("s");
  expect(await screen.findByRole("button", { name: "Take the star off latent 9" })).toBeInTheDocument();
  expect(asked.find(({ method }) => method === "PATCH")?.body).toEqual({ starred: true });
  await userEvent.keyboard("/");
  expect(screen.getByRole("searchbox")).toHaveFocus();
});

it("takes a star back that could not be kept", async () => {
  fakeStudio({ ...answers, [`PATCH ${of}/features/9`]: () => failure(503, "DatabaseUnavailable", "Not now.") });
  show("/features/features-1");
  await userEvent.click(await screen.findByRole("button", { name: "Star latent 9" }));
  await waitFor(() => expect(screen.getByRole("button", { name: "Star latent 9" })).toBeInTheDocument());
});

it("shows one feature: how often, how strongly, on what, and what it promotes", async () => {
  fakeStudio(answers);
  show("/features/features-1/7?width=stacked&sort=density");
  await screen.findByRole("heading", { level: 1, name: "Latent 7" });
  expect(screen.getByText(/active on 1 of 250 tokens, most of all on “tax”/)).toBeVisible();
  expect(await screen.findByText("the 1 strongest of 30 passages, at most one a document")).toBeVisible();
  expect(screen.getByText("peaks from 1 to 8: 6 passages, 20 % of all; 1 drawn")).toBeVisible();
  expect(screen.getByRole("group", { name: "Passage of 1848.txt" })).toHaveTextContent("d the tax of e");
  await userEvent.click(screen.getByRole("radio", { name: "Full" }));
  expect(screen.getByRole("group", { name: "Passage of 1848.txt" })).toHaveTextContent("a b c d the tax of e f g h i");
  expect(screen.getByRole("link", { name: "Steer with this" })).toHaveAttribute(
    "href",
    "/steering?set=features-1&edit=7:add:2.5",
  );
  await expectAccessible();
});

it("turns to the next in the table's order with J, and keeps the order and the text", async () => {
  const asked = fakeStudio(answers);
  show("/features/features-1/7?sort=density&text=No+tax");
  await screen.findByRole("heading", { level: 1, name: "Latent 7" });
  expect(await screen.findByText("It fires on 1 of 2 tokens, at most 6 (50 % of its largest).")).toBeVisible();
  await userEvent.click(document.body);
  await userEvent.keyboard("J");
  await screen.findByRole("heading", { level: 1, name: "Latent 9" });
  expect(address()).toBe("/features/features-1/9?sort=density&text=No+tax");
  expect(asked.find(({ path }) => path === `${of}/features/7`)?.query.get("sortBy")).toBe("density");
});

it("puts a text to try into the address", async () => {
  fakeStudio(answers);
  show("/features/features-1/7");
  fireEvent.change(await screen.findByRole("textbox", { name: "Text to try" }), { target: { value: "No tax" } });
  await screen.findByText(/It fires on 1 of 2 tokens/);
  expect(address()).toContain("text=No+tax");
});

it("takes a label where it is read", async () => {
  const asked = fakeStudio({ ...answers, [`PATCH ${of}/features/7`]: feature(7, { label: "taxation" }) });
  show("/features/features-1/7");
  await userEvent.click(await screen.findByRole("button", { name: "Write a label" }));
  await userEvent.type(screen.getByRole("textbox", { name: "Label" }), "taxation{Enter}");
  await screen.findByRole("heading", { level: 1, name: "taxation" });
  expect(asked.find(({ method }) => method === "PATCH")?.body).toEqual({ label: "taxation" });
  expect(screen.getByText("Latent 7")).toBeVisible();
});

it("begins with what is easiest to read, and goes back to it", async () => {
  const asked = fakeStudio(answers);
  show("/features/features-1?sort=density");
  const sorts = () => asked.filter(({ path }) => path === `${of}/features`).map(({ query }) => query.get("sortBy"));
  await userEvent.click(await screen.findByRole("button", { name: "Easiest to read first" }));
  await screen.findByRole("button", { name: "easiest to read first" });
  await waitFor(() => expect(sorts()).toEqual(["density", null]));
});
