import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { describe, expect, it, vi } from "vitest";
import { draw, expectAccessible } from "../../tests/draw";
import { StatusBadge } from "./Badge";
import { Button } from "./Button";
import { Combobox } from "./Combobox";
import { ConfirmDialog } from "./Dialog";
import { Histogram } from "./Histogram";
import { NumberInput } from "./inputs";
import { LineChart } from "./LineChart";
import { logTicks, niceTicks, timeTicks } from "./niceTicks";
import { Notes } from "./Notes";
import { Progress } from "./Progress";
import { Tabs } from "./Tabs";

describe("NumberInput", () => {
  function Input({ whole = false }: { whole?: boolean }) {
    const [value, setValue] = useState<number | null>(2_000_000);
    return <NumberInput aria-label="Tokens" whole={whole} min={0} value={value} onChange={setValue} />;
  }

  it("writes groups of three, and reads them and powers of ten back", async () => {
    draw(<Input whole />);
    const input = screen.getByLabelText("Tokens");
    expect(input).toHaveValue("2,000,000");
    await userEvent.clear(input);
    await userEvent.type(input, "1e6");
    await userEvent.tab();
    expect(input).toHaveValue("1,000,000");
  });

  it("keeps what is no number, marked as wrong", async () => {
    draw(<Input whole />);
    const input = screen.getByLabelText("Tokens");
    await userEvent.clear(input);
    await userEvent.type(input, "1.5");
    expect(input).toBeInvalid();
    expect(input).toHaveValue("1.5");
  });

  it("tells when what is typed is no number or beyond its bounds, and when that is over", async () => {
    const onWrong = vi.fn();
    const input = (
      <NumberInput aria-label="Tokens" whole min={1} value={null} onChange={() => undefined} onWrong={onWrong} />
    );
    const { unmount } = draw(input);
    for (const text of ["xyz", "-5", "0"]) {
      await userEvent.clear(screen.getByLabelText("Tokens"));
      expect(screen.getByLabelText("Tokens")).toBeValid();
      await userEvent.type(screen.getByLabelText("Tokens"), text);
      expect(screen.getByLabelText("Tokens")).toBeInvalid();
      expect(onWrong).toHaveBeenLastCalledWith(true);
    }
    unmount();
    expect(onWrong).toHaveBeenLastCalledWith(false);
  });

  it("steps with the arrow keys and stops at its bounds", async () => {
    draw(<Input whole />);
    const input = screen.getByLabelText("Tokens");
    await userEvent.clear(input);
    await userEvent.type(input, "1{ArrowDown}{ArrowDown}{ArrowDown}");
    expect(input).toHaveValue("0");
  });
});

describe("Combobox", () => {
  const choices = ["gpt2", "pythia-70m", "pythia-160m"].map((value) => ({ value, label: value }));

  it("is found, walked and chosen from with the keyboard", async () => {
    const onChange = vi.fn();
    draw(<Combobox label="Model" choices={choices} value={null} onChange={onChange} />);
    screen.getByRole("button", { name: "Model" }).focus();
    await userEvent.keyboard("{Enter}pyth{ArrowDown}");
    expect(screen.getAllByRole("option")).toHaveLength(2);
    expect(screen.getByRole("combobox")).toHaveAttribute("aria-activedescendant", screen.getAllByRole("option")[1]!.id);
    await expectAccessible();
    await userEvent.keyboard("{Enter}");
    expect(onChange).toHaveBeenCalledWith("pythia-160m");
    await waitFor(() => expect(screen.getByRole("button", { name: "Model" })).toHaveFocus());
  });

  it("says when nothing fits", async () => {
    draw(<Combobox label="Model" choices={choices} value={null} onChange={() => undefined} />);
    await userEvent.click(screen.getByRole("button", { name: "Model" }));
    await userEvent.keyboard("llama");
    expect(screen.getByRole("status")).toHaveTextContent("Nothing fits.");
  });
});

describe("ConfirmDialog", () => {
  it("has the focus on the safe answer, and stays open with the reason when it fails", async () => {
    const onOpenChange = vi.fn();
    draw(
      <ConfirmDialog
        open
        onOpenChange={onOpenChange}
        title="Delete stories?"
        confirm="Delete"
        danger
        onConfirm={() => Promise.reject(new Error("Two trainings read it."))}
      >
        Its tokenizations go with it.
      </ConfirmDialog>,
    );
    expect(screen.getByRole("button", { name: "Keep" })).toHaveFocus();
    await userEvent.click(screen.getByRole("button", { name: "Delete" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("Two trainings read it.");
    expect(onOpenChange).not.toHaveBeenCalled();
    await expectAccessible();
  });
});

describe("Notes", () => {
  it("saves with Ctrl Enter, and keeps the draft when that fails", async () => {
    const onSave = vi
      .fn<(text: string) => Promise<void>>()
      .mockRejectedValueOnce(new Error("Offline."))
      .mockResolvedValue();
    draw(<Notes label="Notes" value="old" onSave={onSave} />);
    const field = screen.getByLabelText("Notes");
    await userEvent.type(field, " and new{Control>}{Enter}{/Control}");
    expect(await screen.findByRole("alert")).toHaveTextContent("Offline.");
    expect(field).toHaveValue("old and new");
    await userEvent.click(screen.getByRole("button", { name: "Save" }));
    expect(onSave).toHaveBeenLastCalledWith("old and new");
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("saves when one goes to another field, and says so", async () => {
    const onSave = vi.fn<(text: string) => Promise<void>>().mockResolvedValue();
    draw(<Notes label="Notes" value="" onSave={onSave} />);
    await userEvent.type(screen.getByLabelText("Notes"), "plurals");
    expect(onSave).not.toHaveBeenCalled();
    await userEvent.click(document.body);
    expect(onSave).toHaveBeenCalledExactlyOnceWith("plurals");
    expect(await screen.findByText("Saved")).toBeVisible();
  });

  it("saves what is written when it goes away", async () => {
    const onSave = vi.fn<(text: string) => Promise<void>>().mockResolvedValue();
    const { unmount } = draw(<Notes label="Notes" value="" onSave={onSave} />);
    await userEvent.type(screen.getByLabelText("Notes"), "plurals");
    unmount();
    expect(onSave).toHaveBeenCalledExactlyOnceWith("plurals");
  });
});

it("never shows a job with failed items in green", () => {
  draw(<StatusBadge state="completed_with_errors" failed={3} />);
  const badge = screen.getByText(/Completed with errors/);
  expect(badge).toHaveTextContent("3 failed");
  expect(badge.className).toContain("warn");
  expect(badge.className).not.toContain("accent");
});

it("takes no second press while it is busy", async () => {
  const onClick = vi.fn();
  draw(
    <Button busy onClick={onClick}>
      Start
    </Button>,
  );
  await userEvent.click(screen.getByRole("button", { name: "Start" }));
  expect(onClick).not.toHaveBeenCalled();
});

it("says progress in words, also where the end is unknown", () => {
  draw(<Progress label="Reading" done={1200} total={null} unit="documents" rate={40} />);
  const bar = screen.getByRole("progressbar", { name: "Reading" });
  expect(bar).not.toHaveAttribute("aria-valuenow");
  expect(bar).toHaveAttribute("aria-valuetext", "1,200 documents, 40 documents/s");
});

it("moves between tabs with the arrow keys", async () => {
  const onChange = vi.fn();
  const tabs = (["log", "checkpoints"] as const).map((value) => ({ value, label: value, content: value }));
  draw(<Tabs label="Training" tabs={tabs} value="log" onChange={onChange} />);
  await expectAccessible();
  screen.getByRole("tab", { name: "log" }).focus();
  await userEvent.keyboard("{ArrowRight}");
  expect(onChange).toHaveBeenCalledWith("checkpoints");
});

it("tells a histogram in words, bar by bar", async () => {
  const bins = [
    { from: 0, to: 1, count: 30 },
    { from: 1, to: 2, count: 10 },
  ];
  draw(<Histogram label="Activations" bins={bins} unit="activation" things="tokens" />);
  await expectAccessible();
  screen.getByRole("img", { name: /40 tokens, most of them in 0 to 1 activation/ }).focus();
  await userEvent.keyboard("{ArrowRight}{ArrowRight}");
  expect(screen.getByText("1 to 2 activation: 10 tokens (25 %)")).toBeVisible();
});

it("tells a chart in words, and hides a line on request", async () => {
  const points = [
    { step: 0, loss: 1, fvu: 0.9 },
    { step: 10, loss: 0.2, fvu: null },
    { step: 20, loss: 0.4, fvu: 0.1 },
  ];
  const series = [
    { key: "loss", name: "Loss" },
    { key: "fvu", name: "FVU" },
  ];
  draw(<LineChart label="Reconstruction" points={points} series={series} x={{ key: "step", name: "step" }} />);
  expect(screen.getByRole("figure", { name: "Reconstruction" })).toHaveTextContent(
    "Loss: from 1 at step 0 to 0.4 at step 20; lowest 0.2 at step 10, highest 1 at step 0.",
  );
  const toggle = screen.getByRole("button", { name: "FVU" });
  await userEvent.click(toggle);
  expect(toggle).toHaveAttribute("aria-pressed", "false");
  await expectAccessible();
});

it.each([
  [0, 0.98, [0, 0.5, 1]],
  [0, 0.289, [0, 0.1, 0.2, 0.3]],
  [-3, 3, [-4, -2, 0, 2, 4]],
  [5, 5, [2, 4, 6, 8]],
])("marks %s to %s with round numbers", (low, high, ticks) => {
  expect(niceTicks(low, high)).toEqual(ticks);
});

it("marks times of day at round minutes", () => {
  const noon = Date.parse("2026-03-01T12:00:00Z") / 1000;
  expect(timeTicks(noon + 7, noon + 1800)).toEqual([300, 600, 900, 1200, 1500, 1800].map((after) => noon + after));
  expect(timeTicks(noon, noon)).toEqual([noon]);
});

it("marks powers of ten, and not more than fit", () => {
  expect(logTicks(0.02, 0.9)).toEqual([0.01, 0.1, 1]);
  expect(logTicks(1e-12, 1).length).toBeLessThanOrEqual(8);
});
