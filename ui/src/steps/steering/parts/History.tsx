import { Badge } from "@/kit/Badge";
import { Card } from "@/kit/Card";
import { cx } from "@/kit/cx";
import { number } from "@/kit/format";
import { RelativeTime } from "@/kit/RelativeTime";
import type { Run } from "../runs";

interface HistoryProps {
  runs: readonly Run[];
  shown: number | undefined;
  onShow: (id: number) => void;
}

/** What was tried since the page was loaded. */
export function History({ runs, shown, onShow }: HistoryProps) {
  return (
    <Card title="Tried before" description="Of this visit; a reload forgets them.">
      <ul className="-mx-2 max-h-80 overflow-y-auto">
        {runs.map((run) => (
          <li key={run.id}>
            <button
              type="button"
              aria-current={run.id === shown}
              onClick={() => onShow(run.id)}
              className={cx(
                "grid w-full grid-cols-[1fr_auto] items-baseline gap-x-4 rounded-md px-2 py-2 text-left hover:bg-quiet-soft",
                run.id === shown && "bg-quiet-soft",
              )}
            >
              <span className="truncate text-ink">{run.texts[1].join("").trim() || run.choice.prompt}</span>
              <span className="text-xs text-ink-3">
                {run.state === "failed" && <Badge tone="danger">Failed</Badge>}
                {run.state === "stopped" && <Badge>Stopped</Badge>} <RelativeTime at={run.startedAt} />
              </span>
              <span className="truncate text-xs text-ink-3">
                {run.edits
                  .map(
                    ({ latent, mode, strength }) =>
                      `${run.names[latent] ?? `Latent ${latent}`} ${mode === "clamp" ? "=" : strength < 0 ? "" : "+"}${number(strength)}`,
                  )
                  .join(", ")}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Card>
  );
}
