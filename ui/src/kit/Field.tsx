import { CircleQuestionMark } from "lucide-react";
import { type ReactNode, useId } from "react";
import { cx } from "./cx";
import { Tooltip } from "./Tooltip";
import { Words } from "./Words";

/** What a control needs to be tied to its label, its description and its error. */
export interface FieldIds {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
}

interface FieldProps {
  label: ReactNode;
  /** What it decides, in words, under the control. */
  description?: ReactNode;
  /** The same behind a question mark: for forms of many fields. */
  hint?: string;
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
export function Field({ label, description, hint, unit, error, required = false, className, children }: FieldProps) {
  const id = useId();
  const about = description ?? hint;
  const described = [about !== undefined && `${id}-about`, error !== undefined && `${id}-error`].filter(Boolean);
  return (
    <div className={cx("min-w-0", className)}>
      <div className="mb-1 flex items-baseline justify-between gap-2">
        <span className="flex min-w-0 items-center gap-1.5">
          <label htmlFor={id} className="truncate text-sm font-medium text-ink-2">
            {label}
            {required && <span className="ml-1 font-normal text-ink-3">(required)</span>}
          </label>
          {hint !== undefined && (
            <Tooltip text={hint}>
              <button type="button" aria-label="What is this?" className="cursor-help text-ink-3 hover:text-ink">
                <CircleQuestionMark size={13} aria-hidden />
              </button>
            </Tooltip>
          )}
        </span>
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
      {about !== undefined && (
        <p id={`${id}-about`} className={description === undefined ? "sr-only" : "mt-1 text-xs text-ink-3"}>
          <Words>{about}</Words>
        </p>
      )}
    </div>
  );
}
