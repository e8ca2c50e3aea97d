import { type ComponentProps, type ReactNode, useId } from "react";
import { cx } from "./cx";
import { Words } from "./Words";

interface CardProps extends Omit<ComponentProps<"section">, "title"> {
  title?: ReactNode;
  /** One sentence under the title. */
  description?: ReactNode;
  actions?: ReactNode;
  /** Without padding: for tables that touch the edges. */
  flush?: boolean;
}

/** A surface with a border: the unit that pages are made of. */
export function Card({ title, description, actions, flush = false, className, children, ...rest }: CardProps) {
  const heading = useId();
  const headed = title !== undefined || actions !== undefined;
  return (
    <section
      aria-labelledby={title === undefined ? undefined : heading}
      {...rest}
      className={cx("min-w-0 rounded-xl border border-line bg-surface", className)}
    >
      {headed && (
        <header className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2 px-5 pt-4">
          <div className="min-w-0 flex-1 basis-64">
            {title !== undefined && (
              <h2 id={heading} className="text-lg font-semibold text-ink">
                {title}
              </h2>
            )}
            {description !== undefined && (
              <p className="mt-0.5 text-sm text-ink-3">
                <Words>{description}</Words>
              </p>
            )}
          </div>
          {actions !== undefined && <div className="flex items-center gap-2">{actions}</div>}
        </header>
      )}
      <div
        className={cx(
          // A table's head keeps within the round corners.
          flush && "overflow-hidden rounded-b-[calc(var(--radius-xl)-1px)]",
          flush && !headed && "rounded-t-[calc(var(--radius-xl)-1px)]",
          flush ? headed && "pt-4" : headed ? "px-5 pt-4 pb-5" : "p-5",
        )}
      >
        {children}
      </div>
    </section>
  );
}
