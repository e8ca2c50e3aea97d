import type { FieldIds } from "./Field";
import { NumberInput } from "./inputs";
import { Select } from "./Select";

interface NumberOrWordProps {
  ids: FieldIds;
  /** Of the field: the number's name too. */
  label: string;
  /** What may stand in place of a number; null is an empty value. */
  choices: readonly { value: string | null; label: string }[];
  value: unknown;
  onChange: (value: string | number | null) => void;
  /** The number that one begins with. */
  start?: number;
  min?: number;
  max?: number;
}

const NUMBER = "number";
const EMPTY = "empty";

/** A word that stands for a number that is found by itself, or a number. */
export function NumberOrWord({ ids, label, choices, value, onChange, start, min, max }: NumberOrWordProps) {
  const chosen = value === null || value === undefined ? EMPTY : typeof value === "string" ? `= ${value}` : NUMBER;
  return (
    <div className="grid gap-2">
      <Select
        {...ids}
        options={[
          ...choices.map((each) => ({ value: each.value === null ? EMPTY : `= ${each.value}`, label: each.label })),
          { value: NUMBER, label: "A number" },
        ]}
        value={chosen}
        onChange={(next) =>
          onChange(next === NUMBER ? (start ?? Number.NaN) : next === EMPTY ? null : next.slice("= ".length))
        }
      />
      {chosen === NUMBER && (
        <NumberInput
          aria-label={`${label}, as a number`}
          aria-describedby={ids["aria-describedby"]}
          aria-invalid={ids["aria-invalid"]}
          min={min}
          max={max}
          value={typeof value === "number" && !Number.isNaN(value) ? value : null}
          onChange={(next) => onChange(next ?? Number.NaN)}
          onUnread={() => onChange(Number.NaN)}
        />
      )}
    </div>
  );
}
