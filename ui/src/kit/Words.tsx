import { Fragment, type ReactNode } from "react";

/** Words in which what stands in `backticks` is drawn as code; anything else is drawn as it is. */
export function Words({ children }: { children: ReactNode }) {
  if (typeof children !== "string") return children;
  return children.split("`").map((part, place) =>
    place % 2 === 1 ? (
      <code key={place} className="font-mono text-[0.92em] wrap-anywhere">
        {part}
      </code>
    ) : (
      <Fragment key={place}>{part}</Fragment>
    ),
  );
}
