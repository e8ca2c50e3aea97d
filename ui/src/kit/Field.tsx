import { type ReactNode, useId } from "react";
import { cx } from "./cx";

/** What a control needs to be tied to its label, its description and its error. */
export interface FieldIds {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
}

interface FieldProps {
  label: ReactNode;
  /** What it decides, in words. */
  description?: ReactNode;
  /** Shown at the right of the label: `tokens`, `seconds`. */
  unit?: string;
  error?: string;
  /** Marked in words, since most fields have a default. */
  required?: boolean;
  className?: string;
  /** Draws the control with the ids it is given. */
  children: (ids: FieldIds) => ReactNode;
}

/** A control with its label, description, unit and error, tied together for every reader. */
export function Field({ label, description, unit, error, required = false, className, children }: FieldProps) {
  const id = useId();
  const described = [description !== undefined && `${id}-about`, error !== undefined && `${id}-error`].filter(Boolean);
  return (
    <div className={cx("min-w-0", className)}>
      <div className="mb-1 flex items-baseline justify-between gap-2">
        <label htmlFor={id} className="text-sm font-medium text-ink-2">
          {label}
          {required && <span className="ml-1 font-normal text-ink-3">(required)</span>}
        </label>
        {unit !== undefined && <span className="text-xs text-ink-3">{unit}</span>}
      </div>
      {children({
        id,
        "aria-describedby": described.length > 0 ? described.join(" ") : undefined,
        "aria-invalid": error !== undefined || undefined,
      })}
      {error !== undefined && (
        <p id={`${id}-error`} className="mt-1 text-sm text-danger">
          {error}
        </p>
      )}
      {description !== undefined && (
        <p id={`${id}-about`} className="mt-1 text-xs text-ink-3">
          {description}
        </p>
      )}
    </div>
  );
}
