import { screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { draw } from "../../tests/draw";
import { Name } from "./Name";

it("keeps the whole name, with its digits apart", () => {
  draw(<Name of="demo-5d10a520" />);
  expect(screen.getByText("-5d10a520").parentElement).toHaveTextContent("demo-5d10a520");
});

it("leaves other names alone", () => {
  draw(<Name of="my-first-sae" />);
  expect(screen.getByText("my-first-sae")).toBeVisible();
});
