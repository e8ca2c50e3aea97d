import { Check, ChevronsUpDown } from "lucide-react";
import { Popover } from "radix-ui";
import { type ReactNode, useId, useState } from "react";
import { cx } from "./cx";
import { control } from "./inputs";
import { useListKeys } from "./useListKeys";

export interface Choice {
  value: string;
  label: string;
  /** A second line: size, kind, where it is from. */
  detail?: ReactNode;
}

interface ComboboxProps {
  id?: string;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
  /** Its accessible name where no `Field` gives one. */
  label?: string;
  choices: readonly Choice[];
  value: string | null;
  onChange: (value: string) => void;
  /** Given: the text is not filtered here, and the choices are those of the answer. */
  onSearch?: (text: string) => void;
  placeholder?: string;
  /** What is said where nothing fits. */
  nothing?: string;
  disabled?: boolean;
}

/** One of many, found by typing. */
export function Combobox(props: ComboboxProps) {
  const { choices, value, onChange, onSearch, label, placeholder = "Choose…", nothing = "Nothing fits." } = props;
  const list = useId();
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const wanted = text.trim().toLowerCase();
  const shown = onSearch ? choices : choices.filter((choice) => choice.label.toLowerCase().includes(wanted));
  const chosen = choices.find((choice) => choice.value === value);
  const choose = (choice: Choice | undefined) => {
    if (!choice) return;
    onChange(choice.value);
    setOpen(false);
  };
  const { active, setActive, onKeyDown } = useListKeys(shown.length, (place) => choose(shown[place]));
  const change = (next: string) => {
    setText(next);
    setActive(0);
    onSearch?.(next);
  };
  return (
    <Popover.Root
      open={open}
      onOpenChange={(next) => {
        setOpen(next);
        if (next) change("");
      }}
    >
      <Popover.Trigger asChild disabled={props.disabled}>
        <button
          type="button"
          id={props.id}
          aria-label={label}
          aria-describedby={props["aria-describedby"]}
          className={cx(
            control,
            "flex items-center justify-between gap-2 text-left",
            props["aria-invalid"] && "border-danger",
          )}
        >
          <span className={cx("truncate", !chosen && "text-ink-3")}>{chosen?.label ?? placeholder}</span>
          <ChevronsUpDown size={15} aria-hidden className="shrink-0 text-ink-3" />
        </button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={4}
          aria-label={label ?? "Choices"}
          className="z-50 w-(--radix-popover-trigger-width) min-w-64 animate-fade rounded-lg border border-line bg-raised p-1.5 shadow-float"
        >
          <input
            role="combobox"
            aria-expanded
            aria-controls={list}
            aria-activedescendant={shown.length > 0 ? `${list}-${active}` : undefined}
            aria-label={label ?? "Search the choices"}
            placeholder="Type to search"
            value={text}
            onChange={(event) => change(event.target.value)}
            onKeyDown={onKeyDown}
            className={cx(control, "mb-1.5")}
          />
          <div id={list} role="listbox" aria-label={label ?? "Choices"} className="max-h-72 overflow-y-auto">
            {shown.map((choice, place) => (
              // The keys are those of the field above, as the pattern for comboboxes has it.
              // eslint-disable-next-line jsx-a11y/click-events-have-key-events
              <div
                key={choice.value}
                id={`${list}-${place}`}
                role="option"
                tabIndex={-1}
                aria-selected={choice.value === value}
                ref={place === active ? (row) => row?.scrollIntoView({ block: "nearest" }) : undefined}
                onClick={() => choose(choice)}
                onPointerMove={() => setActive(place)}
                className={cx(
                  "flex cursor-pointer items-center gap-2 rounded-md px-2 py-1.5",
                  place === active && "bg-quiet-soft",
                )}
              >
                <span className="min-w-0 flex-1">
                  <span className="block truncate">{choice.label}</span>
                  {choice.detail !== undefined && (
                    <span className="block truncate text-sm text-ink-3">{choice.detail}</span>
                  )}
                </span>
                {choice.value === value && <Check size={15} aria-hidden className="text-accent" />}
              </div>
            ))}
          </div>
          {shown.length === 0 && (
            <p role="status" className="px-2 py-3 text-center text-sm text-ink-3">
              {nothing}
            </p>
          )}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
