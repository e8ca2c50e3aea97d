import { type ReactNode } from "react";
import { Link } from "react-router";

/** Names and values, one below the other. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className="grid gap-x-6 gap-y-2 text-sm sm:grid-cols-[9rem_1fr]">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-ink-3">{name}</dt>
          <dd className="wrap-anywhere text-ink-2">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A name that leads to the page of what it names. */
export function Named({ to, name }: { to: string; name: string }) {
  return (
    <Link to={to} className="text-ink hover:text-accent hover:underline">
      {name}
    </Link>
  );
}
