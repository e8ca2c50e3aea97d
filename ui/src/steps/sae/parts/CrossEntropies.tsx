import { number, percent } from "@/kit/format";
import type { Measured } from "../queries";
import { Bars } from "./Bars";

const rows = [
  { name: "ce_model", title: "The model as it is", fill: "bg-quiet-soft border border-line-strong" },
  { name: "ce_spliced", title: "With the SAE in its place", fill: "bg-accent-fill" },
  { name: "ce_mean", title: "Without: the mean in its place", fill: "bg-cold" },
  { name: "ce_zero", title: "Without: zeros in its place", fill: "bg-cold" },
] as const;

/** How badly the model predicts: as it is, with the SAE's activations, and with none. */
export function CrossEntropies({ numbers }: { numbers: readonly Measured[] }) {
  const of = (name: string) => numbers.find((each) => each.name === name)?.value;
  const known = rows.flatMap(({ name, title, fill }) => {
    const value = of(name);
    return value === undefined ? [] : [{ key: name, title, value, text: `${number(value)} nats/token`, fill }];
  });
  const recovered = of("loss_recovered_mean");
  if (known.length === 0)
    return <p className="text-sm text-ink-3">Cross-entropies were left out of this evaluation.</p>;
  return (
    <>
      <Bars label="Cross-entropies" rows={known} to={Math.max(...known.map(({ value }) => value))} />
      <p className="mt-3 text-sm text-ink-3">
        Cross-entropy of the next token: shorter is better.
        {recovered !== undefined && ` Of what the mean loses, the SAE keeps ${percent(recovered)}.`}
      </p>
    </>
  );
}
