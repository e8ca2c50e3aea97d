import { type MouseEvent } from "react";
import { Link } from "react-router";
import { cx } from "./cx";
import { Skeleton } from "./Skeleton";
import { type Column } from "./tableTypes";

interface DataRowProps<Row> {
  index: number;
  row: Row | undefined;
  columns: readonly Column<Row>[];
  tracks: string;
  top: number;
  height: number;
  /** The one row that Tab comes to. */
  reachable: boolean;
  href: string | undefined;
  opens: boolean;
  /** Undefined where rows cannot be chosen. */
  chosen: boolean | undefined;
  current: boolean;
  onFocus: (index: number) => void;
  onOpen: (row: Row) => void;
  onToggle: (row: Row) => void;
}

/** One row, placed where it belongs; grey while it is on its way. */
export function DataRow<Row>(props: DataRowProps<Row>) {
  const { index, row, columns, chosen, opens, href } = props;
  const onClick = (event: MouseEvent) => {
    const inside = event.target instanceof Element && event.target.closest("a, button, input, label") !== null;
    const selecting = window.getSelection()?.isCollapsed === false;
    if (row !== undefined && opens && !inside && !selecting) props.onOpen(row);
  };
  return (
    // The grid hears the keys.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events
    <div
      role="row"
      data-index={index}
      tabIndex={props.reachable ? 0 : -1}
      aria-rowindex={index + 2}
      aria-selected={chosen ?? (props.current ? true : undefined)}
      aria-busy={row === undefined || undefined}
      onFocus={() => props.onFocus(index)}
      onClick={onClick}
      className={cx(
        "absolute inset-x-0 top-0 grid items-center border-b border-line/60 -outline-offset-2 transition-colors",
        opens && "cursor-pointer hover:bg-quiet-soft/60",
        (props.current || chosen) && "bg-accent-soft",
      )}
      style={{ gridTemplateColumns: props.tracks, height: props.height, transform: `translateY(${props.top}px)` }}
    >
      {chosen !== undefined && (
        <div role="gridcell" className="grid place-items-center pl-2">
          <input
            type="checkbox"
            tabIndex={-1}
            aria-label={`Choose row ${index + 1}`}
            checked={chosen}
            onChange={() => row !== undefined && props.onToggle(row)}
            className="size-4 accent-accent-fill"
          />
        </div>
      )}
      {columns.map((column, place) => (
        <div
          key={column.id}
          role="gridcell"
          className={cx("min-w-0 truncate px-3 first:pl-5 last:pr-5", column.align && "text-right tabular-nums")}
        >
          {row === undefined ? (
            <Skeleton className={cx("h-3.5", place === 0 ? "w-3/4" : "ml-auto w-1/2")} />
          ) : place === 0 && href !== undefined ? (
            <Link to={href} tabIndex={-1} className="font-medium text-ink hover:text-accent">
              {column.cell(row)}
            </Link>
          ) : (
            column.cell(row)
          )}
        </div>
      ))}
    </div>
  );
}
