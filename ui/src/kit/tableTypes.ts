import { type ReactNode } from "react";

export interface Sort {
  id: string;
  order: "asc" | "desc";
}

export interface Column<Row> {
  /** Also what the server sorts by. */
  id: string;
  header: string;
  cell: (row: Row) => ReactNode;
  /** What the column means, in words, on its header. */
  definition?: string;
  /** Sortable: by this value where the rows are here, or `true` where the server sorts. */
  sort?: ((row: Row) => number | string | null) | true;
  /** The order of the first press: `desc` for quantities. */
  firstOrder?: Sort["order"];
  align?: "right";
  /** A track of a CSS grid: `8rem`, `minmax(12rem, 2fr)`. */
  width?: string;
}

/** Rows that are fetched as they come into sight. `usePages` in src/api makes one. */
export interface WindowedRows<Row> {
  total: number;
  /** Undefined where it is still on its way. */
  rowAt: (index: number) => Row | undefined;
  /** The rows from `first` up to `end` are in sight. */
  onRange: (first: number, end: number) => void;
}

export interface DataTableProps<Row> {
  /** What the rows are: the table's accessible name. */
  label: string;
  columns: readonly Column<Row>[];
  /** All rows, or those of a server that come in pages. */
  rows: readonly Row[] | WindowedRows<Row>;
  rowKey: (row: Row) => string;
  /** Where a row leads: its first cell becomes a link, and Enter follows it. */
  href?: (row: Row) => string;
  /** Where it leads nowhere: what Enter or a click does. */
  onOpen?: (row: Row) => void;
  /** Keep it in the URL. Without `onSort` the table keeps it, beginning with this. */
  sort?: Sort | null;
  onSort?: (sort: Sort) => void;
  /** Keys of the chosen rows; Space chooses. */
  selected?: ReadonlySet<string>;
  onSelect?: (selected: ReadonlySet<string>) => void;
  /** Further keys on the row that has the focus: `{ s: star }`. */
  keys?: Readonly<Record<string, (row: Row) => void>>;
  /** The row that is open elsewhere on the page. */
  current?: string;
  loading?: boolean;
  error?: unknown;
  onRetry?: () => void;
  /** An `EmptyState`. */
  empty: ReactNode;
  /** CSS: how tall it may get before it scrolls. */
  maxHeight?: string;
  rowHeight?: number;
}

/** Nothing sorts last in either order. */
export function sorted<Row>(rows: readonly Row[], columns: readonly Column<Row>[], sort: Sort | null): readonly Row[] {
  const by = columns.find(({ id }) => id === sort?.id)?.sort;
  if (!sort || typeof by !== "function") return rows;
  const sign = sort.order === "asc" ? 1 : -1;
  return rows
    .map((row) => [row, by(row)] as const)
    .sort(([, a], [, b]) => {
      if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
      if (typeof a === "number" && typeof b === "number") return sign * (a - b);
      return sign * String(a).localeCompare(String(b), "en", { numeric: true });
    })
    .map(([row]) => row);
}
