import { Card } from "@/kit/Card";
import { number, percent } from "@/kit/format";
import { Histogram } from "@/kit/Histogram";
import { Stat, Stats } from "@/kit/Stat";
import type { FeaturePage } from "../queries";

type Statistic = FeaturePage["statistics"][number];

/** How often and how strongly it is active. `tried` is its largest activation on the text of the test box. */
export function Numbers({ page, tried }: { page: FeaturePage; tried?: number }) {
  const { edges, counts } = page.histogram;
  const bins = counts.map((count, place) => ({ from: edges[place] ?? 0, to: edges[place + 1] ?? 0, count }));
  const within = tried !== undefined && tried > 0 && tried <= (edges.at(-1) ?? 0);
  return (
    <Card title="Numbers">
      <Stats className="grid-cols-2">
        {page.statistics.filter(isShown).map((each) => (
          <Stat
            key={each.name}
            label={each.title}
            value={valueOf(each)}
            unit={plainUnit(each)}
            definition={each.definition}
          />
        ))}
      </Stats>
      {bins.length > 0 && (
        <div className="mt-5">
          <Histogram
            label="How strongly it fires"
            bins={bins}
            unit="activation"
            things="tokens"
            log
            marker={within ? { value: tried, label: "Your text" } : undefined}
          />
          <p className="mt-1 text-xs text-ink-3">Tokens on which it is active; heights are logarithmic.</p>
        </div>
      )}
    </Card>
  );
}

/** Two powers of ten of one number are one too many. */
function isShown({ name }: Statistic): boolean {
  return name !== "log_density";
}

/** `tokens`; but not what the name or the definition says already: `1`, `of the SAE's activation`. */
function plainUnit(each: Statistic): string | undefined {
  return isShare(each) || each.unit === "1" || each.unit === "" || each.unit.startsWith("of ") ? undefined : each.unit;
}

function isShare({ name }: Statistic): boolean {
  return name === "density" || name.endsWith("_share");
}

function valueOf(each: Statistic): string {
  return isShare(each) ? percent(each.value) : number(each.value);
}
