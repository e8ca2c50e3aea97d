import { Slider as Primitive } from "radix-ui";

interface RangeSliderProps {
  /** What lies in the range: `Density`. */
  label: string;
  value: readonly [number, number];
  onChange: (value: [number, number]) => void;
  /** When the hand lets go: for what is dear to compute. */
  onCommit?: (value: [number, number]) => void;
  min: number;
  max: number;
  step?: number;
  /** A value as it is read: for scales that are not the number itself. */
  say?: (value: number) => string;
}

/** A least and a most. */
export function RangeSlider({ label, value, onChange, onCommit, min, max, step = 1, say = String }: RangeSliderProps) {
  const pair = ([low, high]: number[]): [number, number] => [low ?? min, high ?? max];
  return (
    <Primitive.Root
      className="relative flex h-5 w-full touch-none items-center select-none"
      value={[...value]}
      min={min}
      max={max}
      step={step}
      onValueChange={(next) => onChange(pair(next))}
      onValueCommit={(next) => onCommit?.(pair(next))}
    >
      <Primitive.Track className="relative h-1.5 grow rounded-full bg-quiet-soft">
        <Primitive.Range className="absolute h-full rounded-full bg-accent-fill" />
      </Primitive.Track>
      {(["at least", "at most"] as const).map((which, place) => (
        <Primitive.Thumb
          key={which}
          aria-label={`${label}, ${which}`}
          aria-valuetext={say(value[place] ?? min)}
          className="block size-4 rounded-full border-2 border-accent-fill bg-surface shadow-float"
        />
      ))}
    </Primitive.Root>
  );
}
