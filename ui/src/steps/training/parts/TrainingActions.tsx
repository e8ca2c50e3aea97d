import { Network, Pause, Play, RotateCcw, Square, Trash2 } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";
import { Button, ButtonLink } from "@/kit/Button";
import { ConfirmDialog } from "@/kit/Dialog";
import { toast } from "@/kit/toast";
import { type Command, type Training, useCommand, useDelete } from "../queries";

const offers: Record<Training["state"], readonly Command[]> = {
  queued: ["pause", "stop"],
  running: ["pause", "stop"],
  pausing: ["stop"],
  paused: ["resume", "stop"],
  completed: [],
  completed_with_errors: ["retry"],
  failed: ["retry"],
  cancelled: ["retry"],
};
const looks = {
  pause: { icon: Pause, text: "Pause" },
  resume: { icon: Play, text: "Resume" },
  stop: { icon: Square, text: "Stop" },
  retry: { icon: RotateCcw, text: "Retry" },
} as const;

/** What can be asked of a training in its present state. */
export function TrainingActions({ training }: { training: Training }) {
  const navigate = useNavigate();
  const command = useCommand();
  const remove = useDelete();
  const [asking, setAsking] = useState<"stop" | "delete" | null>(null);
  const ended = !["queued", "running", "pausing", "paused"].includes(training.state);
  return (
    <>
      {offers[training.state].map((each) => (
        <Button
          key={each}
          icon={looks[each].icon}
          disabled={command.isPending}
          onClick={() => (each === "stop" ? setAsking("stop") : command.mutate({ training, command: each }))}
        >
          {looks[each].text}
        </Button>
      ))}
      {ended && (
        <Button variant="ghost" icon={Trash2} onClick={() => setAsking("delete")}>
          Delete
        </Button>
      )}
      {training.sae && (
        <ButtonLink to={`/saes/${training.sae.id}`} variant="primary" icon={Network}>
          Open the SAE
        </ButtonLink>
      )}
      <ConfirmDialog
        open={asking === "stop"}
        onOpenChange={() => setAsking(null)}
        title={`Stop the training ${training.name}?`}
        confirm="Stop"
        danger
        onConfirm={() => command.mutateAsync({ training, command: "stop" })}
      >
        It ends within two seconds and makes no SAE. Its last checkpoint is kept: with “Retry” it goes on from there.
      </ConfirmDialog>
      <ConfirmDialog
        open={asking === "delete"}
        onOpenChange={() => setAsking(null)}
        title={`Delete the training ${training.name}?`}
        confirm="Delete"
        danger
        onConfirm={async () => {
          await remove.mutateAsync(training);
          toast({ tone: "info", title: `The training ${training.name} is being deleted` });
          await navigate("/training");
        }}
      >
        {training.sae
          ? "Its curves and its log are forgotten. The SAE that it made stays."
          : "Its curves, its log and its checkpoint are removed and cannot be brought back."}
      </ConfirmDialog>
    </>
  );
}
