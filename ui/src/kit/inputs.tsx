import { Search, X } from "lucide-react";
import { type ComponentProps, useEffect, useEffectEvent, useState } from "react";
import { cx } from "./cx";

/** How every control of one line looks. */
export const control =
  "h-9 w-full min-w-0 rounded-lg border border-line-strong bg-field px-3 text-base text-ink transition-colors " +
  "hover:border-ink-3 aria-invalid:border-danger disabled:opacity-50";

/** One line of text. */
export function TextInput({ className, ...rest }: ComponentProps<"input">) {
  return <input type="text" autoComplete="off" spellCheck={false} {...rest} className={cx(control, className)} />;
}

/** Several lines of text. */
export function TextArea({ className, rows = 4, ...rest }: ComponentProps<"textarea">) {
  return <textarea rows={rows} {...rest} className={cx(control, "h-auto resize-y py-2", className)} />;
}

type NumberInputProps = Omit<ComponentProps<"input">, "value" | "onChange" | "type"> & {
  value: number | null;
  /** Null when the field is emptied; not called while the text is no number: see `onWrong` and `onUnread`. */
  onChange: (value: number | null) => void;
  /** Refuses fractions while typing. */
  whole?: boolean;
  /** True when what is typed is no number or beyond the bounds, false when it is one again or the field is gone. */
  onWrong?: (wrong: boolean) => void;
  /** For forms that judge all of their values: what is typed is no number. */
  onUnread?: () => void;
};

/** A number. Takes `1e-4`, `2_000_000` and `2,000,000`; arrow keys step it. */
export function NumberInput({
  value,
  onChange,
  onWrong,
  onUnread,
  whole = false,
  step,
  min,
  max,
  className,
  ...rest
}: NumberInputProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const stride = typeof step === "number" ? step : whole ? 1 : 0.1;
  const read = (text: string): number | null | undefined => {
    const plain = text.replace(/[_,\s]/g, "").replace("−", "-");
    if (plain === "") return null;
    const parsed = Number(plain);
    return Number.isFinite(parsed) && !(whole && !Number.isInteger(parsed)) ? parsed : undefined;
  };
  const typed = draft === null ? value : read(draft);
  const unread = typed === undefined || Number.isNaN(typed);
  const wrong = unread || (typed !== null && (typed < Number(min ?? -Infinity) || typed > Number(max ?? Infinity)));
  const tell = useEffectEvent((now: boolean) => onWrong?.(now));
  useEffect(() => {
    if (!wrong) return;
    tell(true);
    return () => tell(false);
  }, [wrong]);
  return (
    <input
      {...rest}
      type="text"
      inputMode={whole ? "numeric" : "decimal"}
      autoComplete="off"
      value={draft ?? writtenNumber(value)}
      aria-invalid={wrong || rest["aria-invalid"]}
      className={cx(control, "tabular-nums", className)}
      onChange={(event) => {
        setDraft(event.target.value);
        const parsed = read(event.target.value);
        if (parsed === undefined) onUnread?.();
        else onChange(parsed);
      }}
      onBlur={() => {
        if (!unread) setDraft(null);
      }}
      onKeyDown={(event) => {
        if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
        event.preventDefault();
        const moved = (value ?? 0) + (event.key === "ArrowUp" ? stride : -stride);
        const bounded = Math.min(Number(max ?? Infinity), Math.max(Number(min ?? -Infinity), moved));
        setDraft(null);
        onChange(Number(bounded.toPrecision(12)));
      }}
    />
  );
}

/** Whole numbers in groups of three, as they are read; the field takes them back. */
function writtenNumber(value: number | null): string {
  if (value === null || Number.isNaN(value)) return "";
  return Number.isSafeInteger(value) ? value.toLocaleString("en-US") : String(value);
}

type SearchInputProps = Omit<ComponentProps<"input">, "value" | "onChange"> & {
  value: string;
  onChange: (value: string) => void;
  /** Its accessible name: what is searched. */
  label: string;
};

/** A field to search in, with a way to empty it. */
export function SearchInput({ value, onChange, label, className, ...rest }: SearchInputProps) {
  return (
    <div className={cx("relative", className)}>
      <Search
        size={15}
        aria-hidden
        className="pointer-events-none absolute top-1/2 left-3 -translate-y-1/2 text-ink-3"
      />
      <input
        type="search"
        autoComplete="off"
        spellCheck={false}
        placeholder={label}
        {...rest}
        aria-label={label}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className={cx(control, "pr-9 pl-9 [&::-webkit-search-cancel-button]:hidden")}
      />
      {value !== "" && (
        <button
          type="button"
          aria-label={`Clear: ${label}`}
          onClick={() => onChange("")}
          className="absolute top-1/2 right-1.5 grid size-6 -translate-y-1/2 place-items-center rounded-md text-ink-3 hover:text-ink"
        >
          <X size={14} aria-hidden />
        </button>
      )}
    </div>
  );
}
