import { type LucideIcon, Ban, Check, CircleDashed, Clock, LoaderCircle, Pause, TriangleAlert, X } from "lucide-react";
import { type ReactNode } from "react";
import { cx } from "./cx";

export type Tone = "accent" | "info" | "warn" | "danger" | "violet" | "quiet";

const tones: Record<Tone, string> = {
  accent: "bg-accent-soft text-accent",
  info: "bg-info-soft text-info",
  warn: "bg-warn-soft text-warn",
  danger: "bg-danger-soft text-danger",
  violet: "bg-violet-soft text-violet",
  quiet: "bg-quiet-soft text-ink-2",
};

/** A word in a pill. */
export function Badge({
  tone = "quiet",
  icon: Icon,
  children,
}: {
  tone?: Tone;
  icon?: LucideIcon;
  children: ReactNode;
}) {
  return (
    <span
      className={cx(
        "inline-flex h-5.5 items-center gap-1 rounded-full px-2 text-xs font-medium whitespace-nowrap",
        tones[tone],
      )}
    >
      {Icon && <Icon size={12} aria-hidden />}
      {children}
    </span>
  );
}

const states = {
  queued: ["quiet", Clock, "Queued"],
  running: ["info", LoaderCircle, "Running"],
  pausing: ["violet", Pause, "Pausing"],
  paused: ["violet", Pause, "Paused"],
  completed: ["accent", Check, "Completed"],
  completed_with_errors: ["warn", TriangleAlert, "Completed with errors"],
  failed: ["danger", X, "Failed"],
  cancelled: ["quiet", Ban, "Cancelled"],
} as const satisfies Record<string, readonly [Tone, LucideIcon, string]>;

export type JobState = keyof typeof states;

/** The state of a job: a sign and a word, not a colour alone. One with failed items is amber, never green. */
export function StatusBadge({ state, failed }: { state: string; failed?: number }) {
  const [tone, Icon, word] = state in states ? states[state as JobState] : (["quiet", CircleDashed, state] as const);
  const spins = state === "running";
  return (
    <span
      className={cx(
        "inline-flex h-5.5 items-center gap-1 rounded-full px-2 text-xs font-medium whitespace-nowrap",
        tones[tone],
      )}
    >
      <Icon size={12} aria-hidden className={spins ? "animate-spin" : undefined} />
      {word}
      {failed ? ` · ${failed} failed` : ""}
    </span>
  );
}
