import { ChevronDown } from "lucide-react";
import { type ComponentProps } from "react";
import { cx } from "./cx";
import { control } from "./inputs";

export interface Option<Value extends string = string> {
  value: Value;
  label: string;
  disabled?: boolean;
}

type SelectProps<Value extends string> = Omit<ComponentProps<"select">, "value" | "onChange"> & {
  options: readonly Option<Value>[];
  value: Value | null;
  onChange: (value: Value) => void;
  /** Shown while nothing is chosen. */
  placeholder?: string;
};

/** One of a few. The browser's own list: every keyboard, screen reader and telephone knows it. */
export function Select<Value extends string>({
  options,
  value,
  onChange,
  placeholder,
  className,
  ...rest
}: SelectProps<Value>) {
  return (
    <div className={cx("relative min-w-0", className)}>
      <select
        {...rest}
        value={value ?? ""}
        onChange={(event) => {
          const chosen = options.find((option) => option.value === event.target.value);
          if (chosen) onChange(chosen.value);
        }}
        className={cx(control, "appearance-none pr-9")}
      >
        {value === null && (
          <option value="" disabled>
            {placeholder ?? "Choose…"}
          </option>
        )}
        {options.map((option) => (
          <option key={option.value} value={option.value} disabled={option.disabled} className="bg-raised text-ink">
            {option.label}
          </option>
        ))}
      </select>
      <ChevronDown
        size={15}
        aria-hidden
        className="pointer-events-none absolute top-1/2 right-3 -translate-y-1/2 text-ink-3"
      />
    </div>
  );
}
