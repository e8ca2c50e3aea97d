import { Link } from "react-router";
import { Badge } from "@/kit/Badge";
import { cx } from "@/kit/cx";
import { count } from "@/kit/format";
import { RelativeTime } from "@/kit/RelativeTime";
import { places, things } from "../places";
import type { Step } from "../queries";

/** One step of the road: what it does, what exists, and the way to it. */
export function StepCard({ step, next }: { step: Step; next: boolean }) {
  const { icon: Icon, to } = places[step.key];
  const there = step.counts.some((each) => each.count > 0);
  return (
    <li
      className={cx(
        "flex flex-col rounded-xl border bg-surface p-4",
        next ? "border-accent" : "border-line",
        !step.available && "border-dashed",
      )}
    >
      <div className="flex items-start justify-between gap-2">
        <div
          className={cx(
            "grid size-9 place-items-center rounded-lg",
            there ? "bg-accent-soft text-accent" : "bg-quiet-soft text-ink-3",
          )}
        >
          <Icon size={18} aria-hidden />
        </div>
        {!step.available ? <Badge>Coming</Badge> : next ? <Badge tone="accent">Next</Badge> : null}
      </div>
      <h3 className="mt-3 font-semibold text-ink">
        {step.number > 0 && <span className="text-ink-3 tabular-nums">{step.number}. </span>}
        {to !== null && step.available ? (
          <Link to={to} className="hover:text-accent hover:underline">
            {step.title}
          </Link>
        ) : (
          step.title
        )}
      </h3>
      <p className="mt-1 flex-1 text-sm text-ink-3">{step.meaning}</p>
      {step.counts.length > 0 && (
        <ul className="mt-3 space-y-1 border-t border-line pt-3 text-sm">
          {step.counts.map((each) => (
            <Count key={each.entity} {...each} />
          ))}
        </ul>
      )}
    </li>
  );
}

function Count({ entity, count: number, newest }: Step["counts"][number]) {
  const thing = things[entity];
  if (thing === undefined) return null;
  const words = `${number === 0 ? "No" : count(number)} ${number === 1 ? thing.one : thing.many}`;
  return (
    <li className="flex items-baseline justify-between gap-3">
      {thing.to !== null && number > 0 ? (
        <Link to={thing.to} className="text-ink-2 hover:text-accent hover:underline">
          {words}
        </Link>
      ) : (
        <span className={number === 0 ? "text-ink-3" : "text-ink-2"}>{words}</span>
      )}
      {newest && (
        <span className="text-xs whitespace-nowrap text-ink-3">
          <RelativeTime at={newest.created_at} />
        </span>
      )}
    </li>
  );
}
