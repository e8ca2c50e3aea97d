import { type ReactNode } from "react";
import { cx } from "@/kit/cx";
import { Explained } from "@/kit/Tooltip";

export interface Head {
  title: string;
  meaning?: string;
  /** Text stands at the left; numbers, the rule, at the right. */
  text?: boolean;
}

interface PlainTableProps {
  label: string;
  heads: readonly Head[];
  rows: readonly { key: string; cells: readonly ReactNode[] }[];
}

/** A table of a report: a few rows, the first cell names the row. */
export function PlainTable({ label, heads, rows }: PlainTableProps) {
  const side = (place: number) => (heads[place]?.text ? "text-left" : "text-right tabular-nums");
  return (
    <div className="overflow-x-auto">
      <table className="w-full text-sm">
        <caption className="sr-only">{label}</caption>
        <thead className="text-ink-3">
          <tr className="border-b border-line">
            {heads.map(({ title, meaning }, place) => (
              <th
                key={title}
                scope="col"
                className={cx("px-2 py-2 font-medium whitespace-nowrap first:pl-0 last:pr-0", side(place))}
              >
                {meaning === undefined ? title : <Explained meaning={meaning}>{title}</Explained>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, cells }) => (
            <tr key={key} className="border-b border-line/60">
              {cells.map((cell, place) =>
                place === 0 ? (
                  <th
                    key={heads[0]?.title}
                    scope="row"
                    className="py-2 pr-2 text-left font-medium whitespace-nowrap text-ink"
                  >
                    {cell}
                  </th>
                ) : (
                  <td
                    key={heads[place]?.title}
                    className={cx("px-2 py-2 whitespace-nowrap text-ink-2 last:pr-0", side(place))}
                  >
                    {cell}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
