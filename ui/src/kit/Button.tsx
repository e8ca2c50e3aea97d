import { LoaderCircle, type LucideIcon } from "lucide-react";
import { type ComponentProps, type Ref } from "react";
import { Link } from "react-router";
import { cx } from "./cx";
import { Tooltip } from "./Tooltip";

export type ButtonVariant = "primary" | "secondary" | "ghost" | "danger";
export type ButtonSize = "sm" | "md";

const base =
  "inline-flex items-center justify-center gap-1.5 rounded-lg font-medium whitespace-nowrap select-none transition-colors " +
  "disabled:not-aria-busy:opacity-50";
const variants: Record<ButtonVariant, string> = {
  primary: "bg-accent-fill text-on-accent not-disabled:hover:bg-accent-fill-hover",
  secondary:
    "border border-line bg-raised text-ink not-disabled:hover:border-line-strong not-disabled:hover:bg-quiet-soft",
  ghost: "text-ink-2 not-disabled:hover:bg-quiet-soft not-disabled:hover:text-ink",
  danger: "border border-danger/40 text-danger not-disabled:hover:bg-danger-soft",
};
const sizes: Record<ButtonSize, string> = { sm: "h-7 px-2.5 text-sm", md: "h-9 px-3.5 text-base" };

interface Look {
  variant?: ButtonVariant;
  size?: ButtonSize;
  icon?: LucideIcon;
}

function look({ variant = "secondary", size = "md" }: Look, extra?: string): string {
  return cx(base, variants[variant], sizes[size], extra);
}

/** A button with words. While `busy` it spins and takes no second press. */
export function Button({
  variant,
  size,
  icon: Icon,
  busy = false,
  className,
  children,
  ...rest
}: Look & { busy?: boolean } & ComponentProps<"button">) {
  const edge = size === "sm" ? 14 : 16;
  return (
    <button
      type="button"
      {...rest}
      disabled={rest.disabled === true || busy}
      aria-busy={busy || undefined}
      className={look({ variant, size }, className)}
    >
      {busy ? (
        <LoaderCircle size={edge} className="animate-spin" aria-hidden />
      ) : (
        Icon && <Icon size={edge} aria-hidden />
      )}
      {children}
    </button>
  );
}

/** A link that looks like a button: for going somewhere, where `Button` does something. */
export function ButtonLink({
  variant,
  size,
  icon: Icon,
  className,
  children,
  ...rest
}: Look & ComponentProps<typeof Link>) {
  return (
    <Link {...rest} className={look({ variant, size }, className)}>
      {Icon && <Icon size={size === "sm" ? 14 : 16} aria-hidden />}
      {children}
    </Link>
  );
}

type IconButtonProps = Omit<ComponentProps<"button">, "aria-label" | "children"> & {
  /** What it does, in words: its accessible name and its tooltip. */
  name: string;
  icon: LucideIcon;
  size?: ButtonSize;
  variant?: Exclude<ButtonVariant, "primary">;
  pressed?: boolean;
  keys?: string;
  ref?: Ref<HTMLButtonElement>;
};

/** A button with an icon only. It cannot be made without a name. */
export function IconButton({
  name,
  icon: Icon,
  size = "md",
  variant = "ghost",
  pressed,
  keys,
  className,
  ...rest
}: IconButtonProps) {
  return (
    <Tooltip text={name} keys={keys}>
      <button
        type="button"
        {...rest}
        aria-label={name}
        aria-pressed={pressed}
        className={cx(
          base,
          variants[variant],
          size === "sm" ? "size-7" : "size-9",
          "shrink-0 aria-pressed:text-accent",
          className,
        )}
      >
        <Icon size={size === "sm" ? 15 : 18} aria-hidden />
      </button>
    </Tooltip>
  );
}
