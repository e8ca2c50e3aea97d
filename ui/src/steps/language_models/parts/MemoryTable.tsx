import { bytes } from "@/kit/format";
import type { Memory } from "../queries";

/** What the weights take in each number format, against what is free. */
export function MemoryTable({ memory }: { memory: Memory }) {
  const free = memory.free.map(
    (each) => `${bytes(each.bytes)} on ${each.device === "cpu" ? "the processor" : each.device}`,
  );
  return (
    <div>
      <p className="mb-2 text-sm text-ink-3">
        Memory of the weights; free now: {free.join(", ")}. Activations come on top.
      </p>
      <ul className="grid gap-2 sm:grid-cols-5">
        {memory.forms.map((each) => (
          <li key={each.form} className="rounded-lg bg-sunken px-3 py-2">
            <p className="text-sm text-ink-3">{each.form}</p>
            <p className="font-medium text-ink tabular-nums">{bytes(each.bytes)}</p>
            <p className={each.fits_on.length > 0 ? "text-xs text-accent" : "text-xs text-danger"}>
              {each.fits_on.length > 0 ? "fits" : "too large"}
            </p>
          </li>
        ))}
      </ul>
    </div>
  );
}
