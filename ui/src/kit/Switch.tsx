import { Switch as Primitive } from "radix-ui";
import { type ReactNode, useId } from "react";
import { Words } from "./Words";

interface SwitchProps {
  label: ReactNode;
  description?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}

/** On or off, at once. */
export function Switch({ label, description, checked, onChange, disabled }: SwitchProps) {
  const id = useId();
  return (
    <div className="flex items-start gap-3">
      <Primitive.Root
        id={id}
        checked={checked}
        onCheckedChange={onChange}
        disabled={disabled}
        aria-describedby={description === undefined ? undefined : `${id}-about`}
        className="relative mt-px h-5 w-9 shrink-0 rounded-full border border-line-strong bg-quiet-soft transition-colors disabled:opacity-50 data-[state=checked]:border-accent-fill data-[state=checked]:bg-accent-fill"
      >
        <Primitive.Thumb className="block size-3.5 translate-x-0.5 rounded-full bg-ink-3 transition-transform data-[state=checked]:translate-x-4.5 data-[state=checked]:bg-on-accent" />
      </Primitive.Root>
      <div className="min-w-0">
        <label htmlFor={id} className="text-sm font-medium text-ink-2">
          {label}
        </label>
        {description !== undefined && (
          <p id={`${id}-about`} className="text-xs text-ink-3">
            <Words>{description}</Words>
          </p>
        )}
      </div>
    </div>
  );
}
