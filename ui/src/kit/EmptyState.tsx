import { type LucideIcon } from "lucide-react";
import { type ReactNode } from "react";

interface EmptyStateProps {
  icon?: LucideIcon;
  /** What would be here: “No datasets yet”. */
  title: string;
  /** What it is, and why there is none. */
  children: ReactNode;
  /** What to do next: buttons. */
  actions?: ReactNode;
}

/** Nothing here: says what would be, why it is not, and what to do. */
export function EmptyState({ icon: Icon, title, children, actions }: EmptyStateProps) {
  return (
    <div className="flex flex-col items-center px-6 py-12 text-center">
      {Icon && (
        <div className="mb-4 grid size-12 place-items-center rounded-xl bg-accent-soft text-accent">
          <Icon size={24} aria-hidden />
        </div>
      )}
      <p className="text-lg font-semibold text-ink">{title}</p>
      <div className="mt-1 max-w-md text-ink-3">{children}</div>
      {actions !== undefined && <div className="mt-5 flex flex-wrap justify-center gap-2">{actions}</div>}
    </div>
  );
}
