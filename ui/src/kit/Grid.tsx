import { type KeyboardEvent, type MouseEvent, useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { DataRow } from "./DataRow";
import { HeaderCell } from "./HeaderCell";
import { type DataTableProps, type Sort, type WindowedRows } from "./tableTypes";
import { useWindow } from "./useWindow";

type GridProps<Row> = DataTableProps<Row> & {
  rows: WindowedRows<Row>;
  sort: Sort | null;
  onSort: (sort: Sort) => void;
  rowHeight: number;
};

const HEAD = 40;
const BLOCK = 500;

/** The rows of a DataTable that has some: one stop for Tab, walked with the arrow keys. */
export function Grid<Row>(props: GridProps<Row>) {
  const { label, columns, rowKey, href, onOpen, selected, onSelect, sort, rowHeight } = props;
  const { total, rowAt, onRange } = props.rows;
  const navigate = useNavigate();
  const box = useRef<HTMLDivElement>(null);
  const focusing = useRef(false);
  const [active, setActive] = useState(0);
  const { height, first, end, fitting, top, reveal } = useWindow({ box, count: total, rowHeight, headHeight: HEAD });
  const at = Math.min(active, total - 1);

  useEffect(() => onRange(first, end), [onRange, first, end]);
  useEffect(() => {
    if (!focusing.current) return;
    focusing.current = false;
    box.current?.querySelector<HTMLElement>(`[data-index="${at}"]`)?.focus({ preventScroll: true });
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
  const moveTo = (index: number) => {
    const bounded = Math.max(0, Math.min(total - 1, index));
    focusing.current = true;
    setActive(bounded);
    reveal(bounded);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!(event.target instanceof HTMLElement) || event.target.dataset.index === undefined) return;
    const moves: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      j: at + 1,
      k: at - 1,
      PageDown: at + fitting,
      PageUp: at - fitting,
      Home: 0,
      End: total - 1,
    };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const next = moves[event.key];
    const row = rowAt(at);
    const own = props.keys?.[event.key];
    if (next !== undefined) moveTo(next);
    else if (event.key === "Enter" && row !== undefined) open(row);
    else if (own && row !== undefined) own(row);
    else if (event.key === " " && onSelect && row !== undefined) toggle(row);
    else return;
    event.preventDefault();
  };
  const onClick = (event: MouseEvent) => {
    const { target } = event;
    const index = indexOf(target);
    const row = index === undefined ? undefined : rowAt(index);
    if (row === undefined || !(target instanceof Element)) return;
    if (target.closest("[data-chooses]")) toggle(row);
    // What can be pressed in a row does its own; and text that is being selected is not a press.
    else if (!target.closest("a, button, input, label, select") && window.getSelection()?.isCollapsed !== false)
      open(row);
  };
  const changeSort = (next: Sort) => {
    setActive(0);
    if (box.current) box.current.scrollTop = 0;
    props.onSort(next);
  };

  const tracks = [onSelect && "3rem", ...columns.map(({ width }) => width ?? "minmax(6rem, 1fr)")]
    .filter(Boolean)
    .join(" ");
  // Rows lie relative to a row near by, which changes rarely: so they are not drawn again while they only move.
  const base = Math.floor(first / BLOCK) * BLOCK;
  const indices = Array.from({ length: Math.max(0, end - first) }, (_, place) => first + place);
  // The row with the focus stays, wherever one scrolls: just out of sight.
  if (at < first || at >= end) indices.push(at);
  const draw = (index: number) => {
    const row = rowAt(index);
    const key = row === undefined ? undefined : rowKey(row);
    return (
      <DataRow
        key={index}
        index={index}
        row={row}
        columns={columns}
        tracks={tracks}
        height={rowHeight}
        reachable={index === at}
        href={row === undefined ? undefined : href?.(row)}
        opens={href !== undefined || onOpen !== undefined}
        chosen={onSelect && key !== undefined ? (selected?.has(key) ?? false) : undefined}
        current={key !== undefined && key === props.current}
        place={(Math.max(first - 2, Math.min(end + 2, index)) - base) * rowHeight}
      />
    );
  };
  return (
    // The rows have the focus; the grid hears for them.
    <div
      ref={box}
      role="grid"
      tabIndex={-1}
      aria-label={label}
      aria-rowcount={total + 1}
      aria-colcount={columns.length + (onSelect ? 1 : 0)}
      aria-multiselectable={onSelect ? true : undefined}
      onKeyDown={onKeyDown}
      onClick={onClick}
      onFocus={({ target }) => setActive((before) => indexOf(target) ?? before)}
      className="relative overflow-auto outline-none"
      style={{ maxHeight: props.maxHeight ?? "min(70dvh, 56rem)" }}
    >
      <div className="w-full min-w-min">
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
        <div style={{ height }}>
          <div role="rowgroup" className="relative" style={{ transform: `translateY(${top(base)}px)` }}>
            {indices.map(draw)}
          </div>
        </div>
      </div>
    </div>
  );
}

function indexOf(target: EventTarget): number | undefined {
  const row = target instanceof Element ? target.closest<HTMLElement>("[data-index]") : null;
  return row ? Number(row.dataset.index) : undefined;
}
