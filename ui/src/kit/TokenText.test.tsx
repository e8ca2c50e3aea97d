import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { draw, expectAccessible } from "../../tests/draw";
import { TokenText } from "./TokenText";

const tokens = ["The", " fox", "\n", " said"];

it("refuses values that do not belong to its tokens", () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  expect(() => draw(<TokenText tokens={tokens} values={[1, 2]} />)).toThrow("4 tokens came with 2 values");
});

it("colours by value over max, and shows a weak firing too", () => {
  draw(<TokenText tokens={tokens} values={[0, 5, 0.001, -10]} max={10} />);
  const shade = (text: string) => screen.getByText(text, { normalizer: (raw) => raw }).getAttribute("style");
  expect(shade("The")).toBeNull();
  expect(shade(" fox")).toContain("0.5");
  expect(shade("⏎")).toContain("0.12");
  expect(shade(" said")).toContain("--cold");
});

it("reads a token by pointer, with its value", async () => {
  draw(<TokenText tokens={tokens} values={[0, 9.61, 0, 0]} unit="activation" />);
  await userEvent.hover(screen.getByText("fox"));
  expect(screen.getByRole("status")).toHaveTextContent("·fox");
  expect(screen.getByRole("status")).toHaveTextContent("activation 9.61");
});

it("reads its tokens with the arrow keys", async () => {
  const onToken = vi.fn();
  draw(<TokenText tokens={tokens} values={[0, 1, 2, 3]} onToken={onToken} label="Example 1" />);
  screen.getByRole("group", { name: "Example 1" }).focus();
  await userEvent.keyboard("{Home}{ArrowRight}{ArrowRight}{Enter}");
  expect(screen.getByRole("status")).toHaveTextContent("⏎");
  expect(onToken).toHaveBeenCalledWith(2);
  await userEvent.keyboard("{Escape}");
  expect(screen.queryByRole("status")).toBeNull();
});

it("breaks lines only when asked to, and shows spaces only when asked to", () => {
  const { container, rerender } = draw(<TokenText tokens={tokens} label="A" />);
  expect(container).toHaveTextContent("The fox⏎ said");
  rerender(<TokenText tokens={tokens} breaks whitespace label="A" />);
  expect(screen.getByRole("group").textContent).toBe("The·fox⏎\n·said");
});

it("has no fault that axe finds", async () => {
  draw(<TokenText tokens={tokens} values={[0, 1, 2, 3]} peak={3} />);
  await expectAccessible();
});
