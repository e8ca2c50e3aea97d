import { useMemo, useState } from "react";
import { cx } from "./cx";
import { ErrorState } from "./ErrorState";
import { Grid } from "./Grid";
import { Skeleton } from "./Skeleton";
import { type DataTableProps, type Sort, sorted, type WindowedRows } from "./tableTypes";

export type { Column, DataTableProps, Sort, WindowedRows } from "./tableTypes";

/** A table of any length. Arrow keys or j and k, Page Up and Down, Home and End move; Enter opens; Space chooses. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { label, columns, rows, onSort, rowHeight = 40 } = props;
  const [ownSort, setOwnSort] = useState(props.sort ?? null);
  const sort = onSort ? (props.sort ?? null) : ownSort;
  const source = useMemo(() => sourceOf(rows, columns, onSort ? null : sort), [rows, columns, onSort, sort]);
  if (props.error !== undefined && props.error !== null)
    return (
      <div className="p-5">
        <ErrorState error={props.error} title={`${label} could not be loaded`} onRetry={props.onRetry} />
      </div>
    );
  if (props.loading) return <TableSkeleton label={label} rowHeight={rowHeight} />;
  if (source.total === 0) return <>{props.empty}</>;
  return <Grid {...props} rows={source} sort={sort} onSort={onSort ?? setOwnSort} rowHeight={rowHeight} />;
}

const nobody = () => undefined;

function sourceOf<Row>(
  rows: DataTableProps<Row>["rows"],
  columns: DataTableProps<Row>["columns"],
  sort: Sort | null,
): WindowedRows<Row> {
  if ("rowAt" in rows) return rows;
  const ordered = sorted(rows, columns, sort);
  return { total: ordered.length, rowAt: (index) => ordered[index], onRange: nobody };
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
