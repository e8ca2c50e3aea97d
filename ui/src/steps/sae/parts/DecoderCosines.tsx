import { number, percent } from "@/kit/format";
import type { Evaluation } from "../queries";

type Cosines = NonNullable<Evaluation["decoder_cosines"]>;

/** How close to its nearest other latent each latent lies: the whole range, its middle 90 %, its middle half. */
export function DecoderCosines({ cosines }: { cosines: Cosines }) {
  const at = (level: number) => cosines.values[cosines.levels.indexOf(level)] ?? 0;
  const place = (cosine: number) => `${Math.min(1, Math.max(0, cosine)) * 100}%`;
  const band = (low: number, high: number) => ({
    left: place(at(low)),
    width: `calc(${place(at(high))} - ${place(at(low))})`,
  });
  const words = `Half of the latents have another one at a cosine of ${number(at(0.5))} or more; of one in twenty it is ${number(at(0.95))} or more.`;
  return (
    <figure>
      <figcaption className="text-sm font-medium text-ink-2">Largest cosine to another latent</figcaption>
      <div role="img" aria-label={words} className="relative mt-4 h-9">
        <div className="absolute inset-x-0 top-1/2 h-px bg-line" />
        <div className="absolute top-1/2 h-0.5 -translate-y-1/2 bg-line-strong" style={band(0, 1)} />
        <div className="absolute inset-y-2 rounded bg-info-soft" style={band(0.05, 0.95)} />
        <div className="absolute inset-y-1 rounded bg-info" style={band(0.25, 0.75)} />
        <div className="absolute inset-y-0 w-0.5 -translate-x-1/2 bg-ink" style={{ left: place(at(0.5)) }} />
      </div>
      <div aria-hidden className="mt-1 flex justify-between border-t border-line pt-1 text-xs text-ink-3 tabular-nums">
        <span>0: at right angles</span>
        <span>0.5</span>
        <span>1: the same direction</span>
      </div>
      <dl className="mt-3 grid grid-cols-[repeat(auto-fit,minmax(6.5rem,1fr))] gap-x-4 gap-y-2 text-sm">
        {cosines.levels.map((level, index) => (
          <div key={level}>
            <dt className="text-ink-3">{names[level] ?? `${percent(level)} of them below`}</dt>
            <dd className="text-ink tabular-nums">{number(cosines.values[index])}</dd>
          </div>
        ))}
      </dl>
      <p className="mt-3 text-sm text-ink-3">{words}</p>
    </figure>
  );
}

const names: Record<number, string> = { 0: "Smallest", 0.5: "Median", 1: "Largest" };
