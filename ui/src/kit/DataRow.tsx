import { memo, type ReactNode } from "react";
import { Link } from "react-router";
import { cx } from "./cx";
import { Skeleton } from "./Skeleton";
import { type Column } from "./tableTypes";

interface DataRowProps<Row> {
  index: number;
  /** Undefined while it is on its way. */
  row: Row | undefined;
  columns: readonly Column<Row>[];
  tracks: string;
  height: number;
  /** The one row that Tab comes to. */
  reachable: boolean;
  href: string | undefined;
  opens: boolean;
  /** Undefined where rows cannot be chosen. */
  chosen: boolean | undefined;
  current: boolean;
  /** Where it lies, in pixels from the first row of its block. */
  place: number;
}

/** One row. It holds no handlers: the grid hears for all of them, so that scrolling draws only rows that are new. */
function Row<Item>(props: DataRowProps<Item>) {
  const { index, row, columns, chosen, href } = props;
  const content = (column: Column<Item>, place: number): ReactNode => {
    if (row === undefined) return <Skeleton className={cx("h-3.5", place === 0 ? "w-3/4" : "ml-auto w-1/2")} />;
    if (place > 0 || href === undefined) return column.cell(row);
    return (
      <Link to={href} tabIndex={-1} className="font-medium text-ink hover:text-accent">
        {column.cell(row)}
      </Link>
    );
  };
  return (
    <div
      role="row"
      data-index={index}
      tabIndex={props.reachable ? 0 : -1}
      aria-rowindex={index + 2}
      aria-selected={chosen ?? (props.current ? true : undefined)}
      aria-busy={row === undefined || undefined}
      className={cx(
        "absolute inset-x-0 top-0 grid items-center border-b border-line/60 -outline-offset-2 transition-colors",
        props.opens && "cursor-pointer hover:bg-quiet-soft/60",
        (props.current || chosen) && "bg-accent-soft",
      )}
      style={{
        gridTemplateColumns: props.tracks,
        height: props.height,
        transform: `translateY(${props.place}px)`,
      }}
    >
      {chosen !== undefined && (
        <div role="gridcell" className="grid place-items-center pl-2">
          <input
            type="checkbox"
            tabIndex={-1}
            aria-label={`Choose row ${index + 1}`}
            checked={chosen}
            readOnly
            data-chooses
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
          {content(column, place)}
        </div>
      ))}
    </div>
  );
}

export const DataRow = memo(Row) as typeof Row;
