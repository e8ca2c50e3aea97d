import { cx } from "@/kit/cx";
import { number, percent } from "@/kit/format";
import type { Measured } from "../queries";

const rows = [
  { name: "ce_model", title: "The model as it is", fill: "bg-quiet-soft border border-line-strong" },
  { name: "ce_spliced", title: "With the SAE in its place", fill: "bg-accent-fill" },
  { name: "ce_mean", title: "Without: the mean in its place", fill: "bg-cold" },
] as const;

/** How badly the model predicts: as it is, with the SAE's activations, and with none. */
export function CrossEntropies({ numbers }: { numbers: readonly Measured[] }) {
  const of = (name: string) => numbers.find((each) => each.name === name)?.value;
  const most = Math.max(...rows.map(({ name }) => of(name) ?? 0));
  const recovered = of("loss_recovered_mean");
  if (most === 0) return <p className="text-sm text-ink-3">Cross-entropies were left out of this evaluation.</p>;
  return (
    <figure>
      <figcaption className="text-sm font-medium text-ink-2">Does the model still predict?</figcaption>
      <ul className="mt-3 grid gap-3">
        {rows.map(({ name, title, fill }) => {
          const value = of(name);
          if (value === undefined) return null;
          return (
            <li key={name}>
              <div className="flex justify-between gap-4 text-sm">
                <span className="text-ink-3">{title}</span>
                <span className="text-ink tabular-nums">{number(value)} nats/token</span>
              </div>
              <div className="mt-1 h-3 rounded-full bg-sunken">
                <div className={cx("h-full rounded-full", fill)} style={{ width: `${(value / most) * 100}%` }} />
              </div>
            </li>
          );
        })}
      </ul>
      <p className="mt-3 text-sm text-ink-3">
        Cross-entropy of the next token: shorter is better.
        {recovered !== undefined && ` Of what the mean loses, the SAE keeps ${percent(recovered)}.`}
      </p>
    </figure>
  );
}
