import { Slider as Primitive } from "radix-ui";
import { cx } from "./cx";

interface SliderProps {
  /** Its accessible name. */
  label: string;
  value: number;
  onChange: (value: number) => void;
  /** When the hand lets go: for what is dear to compute. */
  onCommit?: (value: number) => void;
  min: number;
  max: number;
  step?: number;
  /** What the number means, for readers: `12 × the largest activation`. */
  valueText?: string;
  /** Draws the fill from here in place of the left end: 0 for strengths of both signs. */
  origin?: number;
  disabled?: boolean;
}

/** A number that is felt for rather than typed. */
export function Slider({
  label,
  value,
  onChange,
  onCommit,
  min,
  max,
  step = 1,
  valueText,
  origin,
  disabled,
}: SliderProps) {
  const at = (point: number) => ((point - min) / (max - min)) * 100;
  const from = at(origin ?? min);
  const left = Math.min(from, at(value));
  return (
    <Primitive.Root
      className="relative flex h-5 w-full touch-none items-center select-none data-disabled:opacity-50"
      value={[value]}
      min={min}
      max={max}
      step={step}
      disabled={disabled}
      onValueChange={([next]) => next !== undefined && onChange(next)}
      onValueCommit={([next]) => next !== undefined && onCommit?.(next)}
    >
      <Primitive.Track className="relative h-1.5 grow rounded-full bg-quiet-soft">
        <div
          className={cx(
            "absolute h-full rounded-full",
            origin !== undefined && value < origin ? "bg-cold" : "bg-accent-fill",
          )}
          style={{ left: `${left}%`, width: `${Math.abs(at(value) - from)}%` }}
        />
        {origin !== undefined && (
          <div aria-hidden className="absolute -top-1 h-3.5 w-px bg-line-strong" style={{ left: `${from}%` }} />
        )}
      </Primitive.Track>
      <Primitive.Thumb
        aria-label={label}
        aria-valuetext={valueText}
        className="block size-4 rounded-full border-2 border-accent-fill bg-surface shadow-float"
      />
    </Primitive.Root>
  );
}
