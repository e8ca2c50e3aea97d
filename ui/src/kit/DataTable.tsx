import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { cx } from "./cx";
import { DataRow } from "./DataRow";
import { ErrorState } from "./ErrorState";
import { Skeleton } from "./Skeleton";
import { HeaderCell } from "./HeaderCell";
import { type DataTableProps, type Sort, sorted, type WindowedRows } from "./tableTypes";
import { useWindow } from "./useWindow";

export type { Column, DataTableProps, Sort, WindowedRows } from "./tableTypes";

const HEAD = 40;

/** A table of any length. Arrow keys, Page Up and Down, Home and End move; Enter opens; Space chooses. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { label, columns, rows, rowKey, href, onOpen, selected, onSelect, onSort, rowHeight = 40 } = props;
  const navigate = useNavigate();
  const box = useRef<HTMLDivElement>(null);
  const focusing = useRef(false);
  const [ownSort, setOwnSort] = useState(props.sort ?? null);
  const [active, setActive] = useState(0);
  const sort = onSort ? (props.sort ?? null) : ownSort;
  const source = useMemo(() => sourceOf(rows, columns, onSort ? null : sort), [rows, columns, onSort, sort]);
  const { total, rowAt, onRange } = source;
  const { height, first, end, fitting, top, reveal } = useWindow({ box, count: total, rowHeight, headHeight: HEAD });
  const at = Math.min(active, Math.max(0, total - 1));

  useEffect(() => onRange(first, end), [onRange, first, end]);
  useEffect(() => {
    if (!focusing.current) return;
    const row = box.current?.querySelector<HTMLElement>(`[data-index="${at}"]`);
    if (row) {
      focusing.current = false;
      row.focus({ preventScroll: true });
    }
  });

  const open = (row: Row) => {
    if (href) void navigate(href(row));
    else onOpen?.(row);
  };
  const toggle = (row: Row) => {
    const key = rowKey(row);
    const next = new Set(selected);
    if (!next.delete(key)) next.add(key);
    onSelect?.(next);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!(event.target instanceof HTMLElement) || event.target.dataset.index === undefined) return;
    const moves: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + fitting,
      PageUp: at - fitting,
      Home: 0,
      End: total - 1,
    };
    const next = moves[event.key];
    const row = rowAt(at);
    if (next !== undefined) {
      const bounded = Math.max(0, Math.min(total - 1, next));
      focusing.current = true;
      setActive(bounded);
      reveal(bounded);
    } else if (event.key === "Enter" && row !== undefined) open(row);
    else if (event.key === " " && onSelect && row !== undefined) toggle(row);
    else return;
    event.preventDefault();
  };
  const changeSort = (next: Sort) => {
    setActive(0);
    if (box.current) box.current.scrollTop = 0;
    if (onSort) onSort(next);
    else setOwnSort(next);
  };

  if (props.error !== undefined && props.error !== null)
    return (
      <div className="p-5">
        <ErrorState error={props.error} title={`${label} could not be loaded`} onRetry={props.onRetry} />
      </div>
    );
  if (props.loading) return <TableSkeleton label={label} rowHeight={rowHeight} />;
  if (total === 0) return <>{props.empty}</>;

  const indices = Array.from({ length: Math.max(0, end - first) }, (_, place) => first + place);
  // The row with the focus stays, wherever one scrolls.
  if (at < first || at >= end) indices.push(at);
  const tracks = [onSelect && "3rem", ...columns.map(({ width }) => width ?? "minmax(6rem, 1fr)")]
    .filter(Boolean)
    .join(" ");
  return (
    <div
      ref={box}
      role="grid"
      tabIndex={-1}
      aria-label={label}
      aria-rowcount={total + 1}
      aria-colcount={columns.length + (onSelect ? 1 : 0)}
      aria-multiselectable={onSelect ? true : undefined}
      onKeyDown={onKeyDown}
      className="relative overflow-auto outline-none"
      style={{ maxHeight: props.maxHeight ?? "min(70dvh, 56rem)" }}
    >
      <div className="w-max min-w-full">
        <div
          role="row"
          aria-rowindex={1}
          className="sticky top-0 z-10 grid border-b border-line bg-surface"
          style={{ gridTemplateColumns: tracks, height: HEAD }}
        >
          {onSelect && (
            <div role="columnheader" className="sr-only">
              Chosen
            </div>
          )}
          {onSelect && <div aria-hidden />}
          {columns.map((column) => (
            <HeaderCell key={column.id} column={column} sort={sort} onSort={changeSort} />
          ))}
        </div>
        <div role="rowgroup" className="relative" style={{ height }}>
          {indices.map((index) => {
            const row = rowAt(index);
            return (
              <DataRow
                key={index}
                index={index}
                row={row}
                columns={columns}
                tracks={tracks}
                top={top(index)}
                height={rowHeight}
                reachable={index === at}
                href={row === undefined ? undefined : href?.(row)}
                opens={href !== undefined || onOpen !== undefined}
                chosen={onSelect && row !== undefined ? (selected?.has(rowKey(row)) ?? false) : undefined}
                current={row !== undefined && props.current !== undefined && rowKey(row) === props.current}
                onFocus={setActive}
                onOpen={open}
                onToggle={toggle}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

function sourceOf<Row>(
  rows: DataTableProps<Row>["rows"],
  columns: DataTableProps<Row>["columns"],
  sort: Sort | null,
): WindowedRows<Row> {
  if ("rowAt" in rows) return rows;
  const ordered = sorted(rows, columns, sort);
  return { total: ordered.length, rowAt: (index) => ordered[index], onRange: () => undefined };
}

function TableSkeleton({ label, rowHeight }: { label: string; rowHeight: number }) {
  return (
    <div role="status" className="px-5 py-3">
      <span className="sr-only">Loading: {label}</span>
      {Array.from({ length: 6 }, (_, row) => (
        <div key={row} className="flex items-center gap-6" style={{ height: rowHeight }}>
          <Skeleton className={cx("h-4", row % 2 ? "w-1/3" : "w-2/5")} />
          <Skeleton className="h-4 w-1/6" />
          <Skeleton className="h-4 w-1/6" />
        </div>
      ))}
    </div>
  );
}
