import { number, percent } from "@/kit/format";
import { Explained } from "@/kit/Tooltip";
import type { Measured } from "../queries";

/** Every number with its unit, its meaning and where that is from. */
export function MetricTable({ numbers }: { numbers: readonly Measured[] }) {
  return (
    <div className="overflow-x-auto">
      <table className="w-full text-left text-sm">
        <caption className="sr-only">All numbers of the evaluation</caption>
        <thead className="text-ink-3">
          <tr className="border-b border-line">
            <th scope="col" className="py-2 pr-4 font-medium">
              Metric
            </th>
            <th scope="col" className="py-2 pr-4 text-right font-medium">
              Value
            </th>
            <th scope="col" className="py-2 pr-4 font-medium">
              Unit
            </th>
            <th scope="col" className="hidden py-2 font-medium md:table-cell">
              What it means
            </th>
          </tr>
        </thead>
        <tbody>
          {numbers.map((each) => (
            <tr key={each.name} className="border-b border-line/60 align-top">
              <th scope="row" className="py-2 pr-4 font-medium text-ink">
                <span className="hidden md:inline">{each.title}</span>
                <span className="md:hidden">
                  <Explained meaning={each.definition}>{each.title}</Explained>
                </span>
                {each.better !== "none" && (
                  <span className="block text-xs font-normal text-ink-3">{each.better} is better</span>
                )}
              </th>
              <td className="py-2 pr-4 text-right whitespace-nowrap text-ink tabular-nums">{valueOf(each)}</td>
              <td className="py-2 pr-4 whitespace-nowrap text-ink-3">{each.unit === "1" ? "–" : each.unit}</td>
              <td className="hidden max-w-xl py-2 text-ink-3 md:table-cell">
                {each.definition} <span className="text-xs">{each.source}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function valueOf({ name, value }: Measured): string {
  return name.endsWith("_share") || name.startsWith("loss_recovered") ? percent(value) : number(value);
}
