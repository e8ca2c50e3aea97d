import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { createQueryClient } from "@/api/queryClient";
import { draw, expectAccessible } from "../../../tests/draw";
import { evaluation, number, sae } from "../../../tests/saeAnswers";
import { fakeStudio, list } from "../../../tests/studio";
import ComparePage from "./ComparePage";
import { frontier, standingsOf } from "./pareto";
import type { SaeDetail } from "./queries";

/** An SAE that was measured to have this L0, FVU and recovered loss. */
const measured = (name: string, l0: number, fvu: number, recovered?: number): SaeDetail => ({
  ...sae,
  id: name,
  name,
  newest_evaluation: {
    ...evaluation,
    numbers: [
      number("l0", l0),
      number("fvu", fvu),
      ...(recovered === undefined ? [] : [number("loss_recovered_mean", recovered)]),
    ],
  },
});
const all = [
  measured("sparse", 8, 0.3, 0.8),
  measured("beaten", 16, 0.35, 0.85),
  measured("dense", 32, 0.2),
  { ...sae, id: "new", name: "new", newest_evaluation: null },
];
const show = (at = "/saes/compare") => draw(<ComparePage />, { at, client: createQueryClient() });

afterEach(() => vi.unstubAllGlobals());

it("knows which no other beats, and leaves out what was not measured", () => {
  const standings = standingsOf(all);
  expect(standings.map((each) => each.sae.name)).toEqual(["sparse", "beaten", "dense"]);
  expect([...frontier(standings, ({ fvu }) => fvu)]).toEqual(["sparse", "dense"]);
  expect([...frontier(standings, ({ recovered }) => (recovered === null ? null : -recovered))]).toEqual([
    "sparse",
    "beaten",
  ]);
  const same = standingsOf([measured("one", 8, 0.3), measured("two", 8, 0.2)]);
  expect([...frontier(same, ({ fvu }) => fvu)]).toEqual(["two"]);
});

it("draws every measured SAE as a link that says its numbers, and marks the best", async () => {
  fakeStudio({ "GET /saes": list(all) });
  show();
  const chart = within(await screen.findByRole("figure", { name: /^FVU/ }));
  expect(chart.getByRole("link", { name: /^dense, topk: FVU 0.2 at .*32, best at its L0$/ })).toBeVisible();
  const beaten = chart.getByRole("link", { name: /^beaten/ });
  expect(beaten).not.toHaveAccessibleName(/best/);
  await userEvent.hover(beaten);
  expect(chart.getByText(/topk, 64 latents/)).toBeVisible();
  expect(within(screen.getByRole("figure", { name: /^Loss/ })).queryByRole("link", { name: /^dense/ })).toBeNull();
  expect(screen.getByText("1 more SAE of this hook point not measured yet.")).toBeVisible();
  expect(within(screen.getByRole("row", { name: /dense/ })).getByText("FVU")).toBeVisible();
  await expectAccessible();
});

it("compares SAEs of one hook point at a time, and says so where the texts differ", async () => {
  const elsewhere = { ...measured("elsewhere", 8, 0.1), hook: "mlp_out.2" };
  const other = measured("other", 20, 0.25);
  other.newest_evaluation!.tokenization = { id: "tokens-2", name: "news" };
  fakeStudio({ "GET /saes": list([...all, elsewhere, other]) });
  show();
  expect(await screen.findByText(/not all measured on the same text/)).toBeVisible();
  expect(screen.queryByRole("row", { name: /elsewhere/ })).toBeNull();
  const places = screen.getByRole("combobox", { name: "Of which hook point" });
  await userEvent.selectOptions(places, within(places).getByRole("option", { name: /1 SAE/ }));
  expect(await screen.findByRole("row", { name: /elsewhere/ })).toBeVisible();
  expect(screen.queryByText(/same text/)).toBeNull();
});

it("says what to do where nothing is measured", async () => {
  fakeStudio({ "GET /saes": list([all[3]]) });
  show();
  expect(await screen.findByText("No SAE of this hook point is measured yet")).toBeVisible();
  await expectAccessible();
});
