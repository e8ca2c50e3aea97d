import { bytes } from "@/kit/format";
import type { Memory } from "../queries";

/** What the weights take in each number format, against what is free. */
export function MemoryTable({ memory }: { memory: Memory }) {
  const free = memory.free.map(
    (each) => `${bytes(each.bytes)} on ${each.device === "cpu" ? "the processor" : each.device}`,
  );
  const hasGpu = memory.free.some((each) => each.device !== "cpu");
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
            <Room fits={each.fits_on.length > 0} needsGpu={each.form.endsWith("bit") && !hasGpu} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Room({ fits, needsGpu }: { fits: boolean; needsGpu: boolean }) {
  if (needsGpu) return <p className="text-xs text-ink-3">needs a GPU</p>;
  return <p className={fits ? "text-xs text-accent" : "text-xs text-danger"}>{fits ? "fits" : "too large"}</p>;
}
