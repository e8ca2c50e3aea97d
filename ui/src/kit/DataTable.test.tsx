import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { describe, expect, it, vi } from "vitest";
import { draw, expectAccessible } from "../../tests/draw";
import { type Column, DataTable, type DataTableProps } from "./DataTable";

interface Sae {
  id: string;
  name: string;
  fvu: number | null;
}

const saes: readonly Sae[] = [
  { id: "a", name: "stories", fvu: 0.2 },
  { id: "b", name: "gpt2", fvu: null },
  { id: "c", name: "pythia", fvu: 0.1 },
];
const columns: readonly Column<Sae>[] = [
  { id: "name", header: "Name", cell: (sae) => sae.name, sort: (sae) => sae.name },
  {
    id: "fvu",
    header: "FVU",
    definition: "Unexplained variance.",
    cell: (sae) => sae.fvu ?? "—",
    sort: (sae) => sae.fvu,
  },
  { id: "hook", header: "Hook", cell: () => "resid_post.6" },
];

function table(more: Partial<DataTableProps<Sae>> = {}) {
  return <DataTable label="SAEs" columns={columns} rows={saes} rowKey={({ id }) => id} empty="No SAEs yet" {...more} />;
}

const names = () =>
  screen
    .getAllByRole("row")
    .slice(1)
    .map((row) => within(row).getAllByRole("gridcell")[0]?.textContent);

describe("rows that are here", () => {
  it("has no fault that axe finds, with its choice of rows and its links", async () => {
    draw(table({ href: ({ id }) => `/saes/${id}`, selected: new Set(["b"]), onSelect: () => undefined }));
    expect(screen.getByRole("grid", { name: "SAEs" })).toHaveAttribute("aria-rowcount", "4");
    await expectAccessible();
  });

  it("sorts by a press on a header, the other way by the next, and puts what is unknown last in both", async () => {
    draw(table());
    const header = screen.getByRole("columnheader", { name: "FVU" });
    expect(header).toHaveAttribute("aria-sort", "none");
    await userEvent.click(screen.getByRole("button", { name: "FVU" }));
    expect(header).toHaveAttribute("aria-sort", "ascending");
    expect(names()).toEqual(["pythia", "stories", "gpt2"]);
    await userEvent.click(screen.getByRole("button", { name: "FVU" }));
    expect(header).toHaveAttribute("aria-sort", "descending");
    expect(names()).toEqual(["stories", "pythia", "gpt2"]);
  });

  it("is walked with the keyboard, and Enter goes where the row leads", async () => {
    draw(table({ href: ({ id }) => `/saes/${id}` }));
    screen.getAllByRole("row")[1]!.focus();
    await userEvent.keyboard("{ArrowDown}{ArrowDown}{ArrowDown}");
    expect(screen.getAllByRole("row")[3]).toHaveFocus();
    await userEvent.keyboard("{Home}{ArrowDown}{Enter}");
    expect(screen.getByTestId("address")).toHaveTextContent("/saes/b");
  });

  it("is one stop for Tab", async () => {
    draw(
      <>
        {table({ href: ({ id }) => `/saes/${id}`, columns: columns.slice(2) })}
        <button type="button">After</button>
      </>,
    );
    await userEvent.tab();
    expect(screen.getAllByRole("row")[1]).toHaveFocus();
    await userEvent.tab();
    expect(screen.getByRole("button", { name: "After" })).toHaveFocus();
  });

  it("chooses a row with Space", async () => {
    const onSelect = vi.fn();
    draw(table({ selected: new Set(["a"]), onSelect }));
    screen.getAllByRole("row")[1]!.focus();
    await userEvent.keyboard(" {ArrowDown} ");
    expect(onSelect.mock.calls).toEqual([[new Set()], [new Set(["a", "b"])]]);
  });

  it("opens by a click on the row, but not by a click on a button in it", async () => {
    const onOpen = vi.fn();
    const onDelete = vi.fn();
    const more: Column<Sae> = { id: "more", header: "", cell: () => <button onClick={onDelete}>Delete</button> };
    draw(table({ onOpen, columns: [...columns, more] }));
    await userEvent.click(screen.getAllByRole("button", { name: "Delete" })[0]!);
    expect(onOpen).not.toHaveBeenCalled();
    await userEvent.click(screen.getAllByText("resid_post.6")[0]!);
    expect(onOpen).toHaveBeenCalledWith(saes[0]);
  });
});

describe("rows that are not", () => {
  it("says so when there are none, and while they load", () => {
    const { rerender } = draw(table({ rows: [] }));
    expect(screen.getByText("No SAEs yet")).toBeVisible();
    rerender(table({ rows: [], loading: true }));
    expect(screen.getByRole("status")).toHaveTextContent("Loading: SAEs");
  });

  it("shows the error's remedy and asks again", async () => {
    const onRetry = vi.fn();
    draw(table({ rows: [], error: { message: "No database.", remedy: "Start it." }, onRetry }));
    expect(screen.getByRole("alert")).toHaveTextContent("SAEs could not be loaded");
    expect(screen.getByRole("alert")).toHaveTextContent("Start it.");
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(onRetry).toHaveBeenCalledOnce();
  });
});

describe("a million rows of a server", () => {
  const row = (index: number): Sae => ({ id: String(index), name: `latent ${index}`, fvu: index });

  it("draws those in sight only, and tells the server which", () => {
    const onRange = vi.fn();
    draw(table({ rows: { total: 1_000_000, rowAt: row, onRange } }));
    expect(screen.getByRole("grid")).toHaveAttribute("aria-rowcount", "1000001");
    expect(screen.getAllByRole("row").length).toBeLessThan(60);
    expect(onRange.mock.lastCall?.[0]).toBe(0);
    expect(onRange.mock.lastCall?.[1]).toBeLessThan(60);
  });

  it("goes to the last row with End and keeps the focus on it", async () => {
    draw(table({ rows: { total: 1_000_000, rowAt: row, onRange: () => undefined } }));
    screen.getAllByRole("row")[1]!.focus();
    await userEvent.keyboard("{End}");
    expect(document.activeElement).toHaveAttribute("aria-rowindex", "1000001");
    expect(document.activeElement).toHaveTextContent("latent 999999");
  });

  it("shows a row on its way as busy", () => {
    draw(
      table({ rows: { total: 5, rowAt: (index) => (index < 2 ? row(index) : undefined), onRange: () => undefined } }),
    );
    expect(screen.getAllByRole("row")[3]).toHaveAttribute("aria-busy", "true");
  });

  it("leaves sorting to whoever keeps the order", async () => {
    function Kept() {
      const [sort, setSort] = useState<DataTableProps<Sae>["sort"]>(null);
      return (
        <>
          {table({
            sort,
            onSort: setSort,
            columns: columns.map((column) => ({ ...column, sort: true as const, firstOrder: "desc" })),
          })}
          <p data-testid="sort">{JSON.stringify(sort)}</p>
        </>
      );
    }
    draw(<Kept />);
    await userEvent.click(screen.getByRole("button", { name: "Hook" }));
    expect(screen.getByTestId("sort")).toHaveTextContent('{"id":"hook","order":"desc"}');
    expect(names()).toEqual(["stories", "gpt2", "pythia"]);
  });
});
