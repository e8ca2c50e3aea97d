import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "react-router";
import { Card } from "@/kit/Card";
import { EmptyState } from "@/kit/EmptyState";
import { ErrorState } from "@/kit/ErrorState";
import { cx } from "@/kit/cx";
import { count, number, percent, plural } from "@/kit/format";
import { Skeleton } from "@/kit/Skeleton";
import { Switch } from "@/kit/Switch";
import { Segments } from "@/kit/Tabs";
import { TokenText } from "@/kit/TokenText";
import { type Examples, examplesQuery, type Passage, type PassageGroup } from "../queries";

type Width = Examples["widths"][number];
type Name = Width["name"];

/** The passages in which it is active: the strongest, and some of each strength. */
export function Contexts({ set, latent, dead }: { set: string; latent: number; dead: boolean }) {
  const [params, setParams] = useSearchParams();
  const { data, error, isPending, refetch } = useQuery({ ...examplesQuery(set, latent), enabled: !dead });
  const show = (name: string, value: string | null) =>
    setParams(
      (before) => {
        if (value === null) before.delete(name);
        else before.set(name, value);
        return before;
      },
      { replace: true },
    );
  if (dead)
    return (
      <Card title="Passages">
        <EmptyState title="There are none">
          The latent was never active on this text. On another text it may be: try one above, or find features on more
          text.
        </EmptyState>
      </Card>
    );
  if (error) return <ErrorState error={error} onRetry={() => void refetch()} />;
  if (isPending) return <Skeleton className="h-96 rounded-xl" />;
  const width = data.widths.find(({ name }) => name === params.get("width")) ?? data.widths[1] ?? data.widths[0];
  const breaks = params.get("breaks") === "true";
  return (
    <Card
      title="Passages"
      description="The greener a token, the more active the latent. The outlined token is the strongest."
      actions={
        <div className="flex flex-wrap items-center gap-4">
          {width?.name !== "stacked" && (
            <Switch label="Line breaks" checked={breaks} onChange={(on) => show("breaks", on ? "true" : null)} />
          )}
          <Segments<Name>
            label="How much of each passage"
            value={width?.name ?? "snippet"}
            onChange={(name) => show("width", name === "snippet" ? null : name)}
            options={data.widths.map(({ name, title }) => ({ value: name, label: title }))}
          />
        </div>
      }
    >
      <div className="grid gap-6">
        {data.groups.map((group) => (
          <Group key={group.name} group={group} width={width} breaks={breaks} max={data.max} />
        ))}
      </div>
    </Card>
  );
}

interface GroupProps {
  group: PassageGroup;
  width: Width | undefined;
  breaks: boolean;
  max: number;
}

function Group({ group, width, breaks, max }: GroupProps) {
  return (
    <section>
      <header className="mb-2 flex flex-wrap items-baseline gap-x-3 border-b border-line pb-1.5">
        <h3 className="font-medium text-ink">{group.title}</h3>
        <p className="text-sm text-ink-3">{coverage(group)}</p>
      </header>
      <ul className="grid">
        {group.contexts.map((passage) => (
          <li
            key={`${passage.document_number} ${passage.position} ${passage.peak}`}
            className="border-b border-line/50 py-1.5 last:border-0"
          >
            <Text passage={passage} width={width} breaks={breaks} max={max} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Text({ passage, width, breaks, max }: { passage: Passage; width?: Width; breaks: boolean; max: number }) {
  const reach = width?.reach ?? null;
  const from = reach === null ? 0 : Math.max(0, passage.peak - reach);
  const end = reach === null ? passage.tokens.length : passage.peak + reach + 1;
  return (
    <div className="flex items-baseline gap-3">
      <span
        className="w-11 shrink-0 text-right text-sm font-medium text-accent tabular-nums"
        title="Activation at its peak"
      >
        {number(passage.activations[passage.peak])}
      </span>
      <TokenText
        // A first line that begins with a space stands under the others.
        className={cx("min-w-0 flex-1", passage.tokens[from]?.startsWith(" ") && "-indent-[1ch]")}
        label={`Passage of ${passage.document}`}
        tokens={passage.tokens.slice(from, end)}
        values={passage.activations.slice(from, end)}
        peak={passage.peak - from}
        max={max}
        breaks={breaks && width?.name !== "stacked"}
      />
      <span className="hidden w-40 shrink-0 truncate text-right text-xs text-ink-3 sm:block" title={passage.document}>
        {passage.document}
      </span>
    </div>
  );
}

/** What of all passages the group stands for. */
function coverage({ name, low, high, passages, share, contexts }: PassageGroup): string {
  if (name === "top")
    return `the ${count(contexts.length)} strongest of ${plural(passages, "passage")}, at most one a document`;
  return `peaks from ${number(low)} to ${number(high)}: ${plural(passages, "passage")}, ${percent(share)} of all; ${count(contexts.length)} drawn`;
}
