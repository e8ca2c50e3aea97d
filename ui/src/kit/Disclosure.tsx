import { ChevronRight } from "lucide-react";
import { type ReactNode } from "react";
import { cx } from "./cx";
import { Words } from "./Words";

interface DisclosureProps {
  title: string;
  description?: ReactNode;
  /** At the right: how much is inside. */
  note?: string;
  tone?: "quiet" | "danger";
  /** Begins open. */
  open?: boolean;
  children: ReactNode;
}

/** A part that can be folded away. */
export function Disclosure({ title, description, note, tone = "quiet", open = false, children }: DisclosureProps) {
  return (
    <details open={open} className="group/fold rounded-lg border border-line">
      <summary className="flex list-none items-center gap-2 rounded-lg px-4 py-2.5 select-none hover:bg-quiet-soft/60 [&::-webkit-details-marker]:hidden">
        <ChevronRight
          size={15}
          aria-hidden
          className="shrink-0 text-ink-3 transition-transform group-open/fold:rotate-90"
        />
        <span className="font-medium text-ink-2">{title}</span>
        {description !== undefined && (
          <span className="truncate text-sm text-ink-3">
            <Words>{description}</Words>
          </span>
        )}
        {note !== undefined && (
          <span className={cx("ml-auto shrink-0 text-sm", tone === "danger" ? "text-danger" : "text-ink-3")}>
            {note}
          </span>
        )}
      </summary>
      <div className="border-t border-line p-4">{children}</div>
    </details>
  );
}
