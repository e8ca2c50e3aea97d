import { RotateCw, TriangleAlert } from "lucide-react";
import { type ReactNode } from "react";
import { Button } from "./Button";
import { cx } from "./cx";

interface ErrorStateProps {
  /** Anything that was thrown. `remedy` and `requestId` are shown where it carries them. */
  error: unknown;
  /** What could not be done: “The models could not be loaded”. */
  title?: string;
  onRetry?: () => void;
  /** A line in a form or a card, in place of a block. */
  compact?: boolean;
  children?: ReactNode;
}

/** What went wrong and what to do about it. */
export function ErrorState({
  error,
  title = "This did not work",
  onRetry,
  compact = false,
  children,
}: ErrorStateProps) {
  const { message, remedy, requestId } = wordsOf(error);
  return (
    <div
      role="alert"
      className={cx("rounded-lg border border-danger/40 bg-danger-soft text-ink", compact ? "px-3 py-2" : "px-5 py-4")}
    >
      <div className="flex items-start gap-3">
        <TriangleAlert size={18} aria-hidden className="mt-0.5 shrink-0 text-danger" />
        <div className="min-w-0 flex-1">
          {!compact && <p className="font-semibold">{title}</p>}
          <p className="wrap-anywhere">{message}</p>
          {remedy !== undefined && <p className="mt-1 wrap-anywhere text-ink-2">{remedy}</p>}
          {!compact && requestId !== undefined && (
            <p className="mt-1 font-mono text-xs text-ink-2">Request {requestId}: find it in the studio’s log.</p>
          )}
          {children}
        </div>
        {onRetry && (
          <Button size="sm" icon={RotateCw} onClick={onRetry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}

function wordsOf(error: unknown): { message: string; remedy?: string; requestId?: string } {
  const text = (key: string) => {
    const value: unknown = typeof error === "object" && error !== null ? Reflect.get(error, key) : undefined;
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  return {
    message: text("message") ?? (typeof error === "string" ? error : "No reason was given."),
    remedy: text("remedy"),
    requestId: text("requestId"),
  };
}
