import { number } from "@/kit/format";

/** A number, and how large it is beside the largest of its kind. */
export function Bar({ value, most }: { value: number; most: number }) {
  const share = most > 0 ? Math.min(1, value / most) : 0;
  return (
    <span className="flex items-center justify-end gap-2">
      <span className="h-1.5 w-16 overflow-hidden rounded-full bg-quiet-soft" aria-hidden>
        <span className="block h-full rounded-full bg-accent-fill" style={{ width: `${share * 100}%` }} />
      </span>
      <span className="w-12">{number(value)}</span>
    </span>
  );
}
