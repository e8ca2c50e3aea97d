import { ArrowDown, ArrowUp, ChevronsUpDown } from "lucide-react";
import { cx } from "./cx";
import { type Column, type Sort } from "./tableTypes";
import { Explained, Tooltip } from "./Tooltip";

interface HeaderCellProps<Row> {
  column: Column<Row>;
  sort: Sort | null;
  onSort: (sort: Sort) => void;
}

/** The head of a column: its name, its meaning, and its order. */
export function HeaderCell<Row>({ column, sort, onSort }: HeaderCellProps<Row>) {
  const { id, header, definition, align, firstOrder = "asc" } = column;
  const order = sort?.id === id ? sort.order : undefined;
  const look = cx(
    "flex min-w-0 items-center gap-1 px-3 text-sm first:pl-5 last:pr-5 font-medium text-ink-3",
    align && "justify-end",
  );
  if (column.sort === undefined)
    return (
      <div role="columnheader" className={look}>
        {definition === undefined ? header : <Explained meaning={definition}>{header}</Explained>}
      </div>
    );
  const Arrow = order === undefined ? ChevronsUpDown : order === "asc" ? ArrowUp : ArrowDown;
  const button = (
    <button
      type="button"
      onClick={() => onSort({ id, order: order === undefined ? firstOrder : order === "asc" ? "desc" : "asc" })}
      className={cx(
        "group flex min-w-0 items-center gap-1 hover:text-ink",
        // The arrow stands inside, so that names and numbers end at one line.
        align && "flex-row-reverse",
        order && "text-ink",
        definition !== undefined && "underline decoration-line-strong decoration-dotted underline-offset-4",
      )}
    >
      <span className="truncate">{header}</span>
      <Arrow
        size={13}
        aria-hidden
        className={cx("shrink-0", !order && "opacity-0 group-hover:opacity-100 group-focus-visible:opacity-100")}
      />
    </button>
  );
  return (
    <div
      role="columnheader"
      aria-sort={order === undefined ? "none" : order === "asc" ? "ascending" : "descending"}
      className={look}
    >
      {definition === undefined ? button : <Tooltip text={definition}>{button}</Tooltip>}
    </div>
  );
}
