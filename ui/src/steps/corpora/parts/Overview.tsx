import { ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { bytes, count, dateTime, percent, short } from "@/kit/format";
import { Stat, Stats } from "@/kit/Stat";
import type { Dataset } from "../queries";

/** What it is, in numbers, and what comes next. */
export function Overview({ dataset }: { dataset: Dataset }) {
  return (
    <div className="grid grid-cols-1 gap-4">
      {dataset.tokenizations === 0 && (
        <div className="flex flex-wrap items-center justify-between gap-3 rounded-xl border border-accent/30 bg-accent-soft/40 p-4">
          <p className="text-ink-2">Next: tokenize it for the model that shall read it.</p>
          <ButtonLink to="?tab=tokenizations" variant="primary">
            Tokenize it
          </ButtonLink>
        </div>
      )}
      <Card>
        <Stats>
          <Stat label="Documents" value={count(dataset.documents)} />
          <Stat
            label="Set aside"
            value={count(dataset.held_out_documents)}
            note={percent(dataset.documents === 0 ? 0 : dataset.held_out_documents / dataset.documents, 2)}
            definition="Documents that no SAE trains on, so that measuring it on them is fair."
          />
          <Stat label="Characters" value={short(dataset.characters)} />
          <Stat label="Size" value={bytes(dataset.bytes)} definition="On disk, compressed." />
          <Stat label="Added" value={dateTime(dataset.created_at)} />
        </Stats>
      </Card>
      <Card title="Made from">
        <ul className="space-y-1 text-sm text-ink-2">
          {dataset.sources.map((source) => (
            <li key={source} className="font-mono text-xs wrap-anywhere">
              {source}
            </li>
          ))}
        </ul>
      </Card>
    </div>
  );
}
