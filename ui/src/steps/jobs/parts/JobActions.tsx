import { ChevronsUp, Pause, Play, RotateCcw, Trash2, X } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";
import { Button, IconButton } from "@/kit/Button";
import { ConfirmDialog } from "@/kit/Dialog";
import { type Command, FIRST, type Job, useCommand, useForget } from "../queries";

const offers: Record<Job["state"], readonly Command[]> = {
  queued: ["first", "pause", "cancel"],
  running: ["pause", "cancel"],
  pausing: ["cancel"],
  paused: ["resume", "cancel"],
  completed: [],
  completed_with_errors: [],
  failed: ["retry"],
  cancelled: ["retry"],
};
const looks = {
  first: { icon: ChevronsUp, text: "Run next" },
  pause: { icon: Pause, text: "Pause" },
  resume: { icon: Play, text: "Resume" },
  cancel: { icon: X, text: "Cancel" },
  retry: { icon: RotateCcw, text: "Retry" },
} as const;

/** What can be asked of a job in its present state; as icons in a table, with words on its page. */
export function JobActions({ job, compact = false }: { job: Job; compact?: boolean }) {
  const navigate = useNavigate();
  const command = useCommand();
  const forget = useForget();
  const [asking, setAsking] = useState<"cancel" | "forget" | null>(null);
  const ended = offers[job.state].every((each) => each === "retry");
  const run = async (each: Command) => {
    const answer = await command.mutateAsync({ job, command: each });
    if (each === "retry" && !compact) await navigate(`/jobs/${answer.id}`);
  };
  return (
    <div className="flex items-center justify-end gap-1">
      {offers[job.state].map((each) => {
        if ((each === "pause" && !job.can_pause) || (each === "first" && job.priority >= FIRST)) return null;
        const { icon, text } = looks[each];
        const disabled = command.isPending || (each === "cancel" && job.wanted === "cancel");
        const press = () => (each === "cancel" ? setAsking("cancel") : void run(each).catch(() => undefined));
        return compact ? (
          <IconButton
            key={each}
            name={`${text}: ${job.title}`}
            icon={icon}
            size="sm"
            disabled={disabled}
            onClick={press}
          />
        ) : (
          <Button key={each} icon={icon} disabled={disabled} onClick={press}>
            {text}
          </Button>
        );
      })}
      {ended && !compact && (
        <Button variant="ghost" icon={Trash2} onClick={() => setAsking("forget")}>
          Remove from the list
        </Button>
      )}
      <ConfirmDialog
        open={asking === "cancel"}
        onOpenChange={() => setAsking(null)}
        title={`Cancel “${job.title}”?`}
        confirm="Cancel the job"
        danger
        onConfirm={() => command.mutateAsync({ job, command: "cancel" })}
      >
        {job.kind === "train"
          ? "The training stops within two seconds. Its last checkpoint stays, so that you can retry from there."
          : "The work stops within two seconds, and what it had begun is removed."}
      </ConfirmDialog>
      <ConfirmDialog
        open={asking === "forget"}
        onOpenChange={() => setAsking(null)}
        title={`Remove “${job.title}” from the list?`}
        confirm="Remove"
        onConfirm={async () => {
          await forget.mutateAsync(job);
          await navigate("/jobs");
        }}
      >
        The job and its log are forgotten. What it made stays.
      </ConfirmDialog>
    </div>
  );
}
