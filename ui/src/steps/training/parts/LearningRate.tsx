import { Field } from "@/kit/Field";
import { NumberOrWord } from "@/kit/NumberOrWord";

/** Above it Adam diverges on any SAE. */
const HIGH = 0.1;
const USUAL = 0.001;
const label = "Learning rate";

interface LearningRateProps {
  value: unknown;
  onChange: (value: string | number | null) => void;
  error?: string;
}

/** Chosen by a rule, searched for, or given. */
export function LearningRate({ value, onChange, error }: LearningRateProps) {
  return (
    <Field label={label} description={meaningOf(value)} error={error}>
      {(ids) => (
        <NumberOrWord
          ids={ids}
          label={label}
          choices={[
            { value: null, label: "By a tried rule" },
            { value: "auto", label: "Search for it first" },
          ]}
          value={value}
          onChange={onChange}
          start={USUAL}
          min={0}
        />
      )}
    </Field>
  );
}

function meaningOf(value: unknown) {
  if (value === "auto")
    return "Short trials on the first tokens find it. They take up to 15 % of the training’s steps more.";
  if (typeof value !== "number") return "Chosen from the number of latents and of steps.";
  if (value <= HIGH) return "How far each step goes. 0.0001 to 0.001 is usual.";
  return (
    <span className="text-warn">
      Far above what trains: 0.0001 to 0.001 is usual, and above 0.1 the SAE learns nothing.
    </span>
  );
}
