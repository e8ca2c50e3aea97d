import { bytes } from "@/kit/format";
import type { Memory } from "../queries";

/** What the weights take in each number format, against what is free. */
export function MemoryTable({ memory }: { memory: Memory }) {
  return (
    <div>
      <p className="mb-2 text-sm text-ink-3">
        Memory of the weights; {bytes(memory.available_bytes)} are free now. Activations come on top.
      </p>
      <ul className="grid gap-2 sm:grid-cols-5">
        {memory.forms.map((each) => (
          <li key={each.form} className="rounded-lg bg-sunken px-3 py-2">
            <p className="text-sm text-ink-3">{each.form}</p>
            <p className="font-medium text-ink tabular-nums">{bytes(each.bytes)}</p>
            <p className={each.fits ? "text-xs text-accent" : "text-xs text-danger"}>
              {each.fits ? "fits" : "too large"}
            </p>
          </li>
        ))}
      </ul>
    </div>
  );
}
