import { Copy, Download, Ellipsis, Pause, Play, Plus, Star, Trash2 } from "lucide-react";
import { useState } from "react";
import { Badge, StatusBadge, type Tone } from "@/kit/Badge";
import { Button, ButtonLink, IconButton } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { ConfirmDialog, Dialog } from "@/kit/Dialog";
import { Field } from "@/kit/Field";
import { TextInput } from "@/kit/inputs";
import { KeyHint } from "@/kit/KeyHint";
import { Menu } from "@/kit/Menu";
import { Progress } from "@/kit/Progress";
import { Stat, Stats } from "@/kit/Stat";
import { toast } from "@/kit/toast";
import { Explained } from "@/kit/Tooltip";

const tones: readonly Tone[] = ["accent", "info", "warn", "danger", "violet", "quiet"];
const states = ["queued", "running", "pausing", "paused", "completed", "completed_with_errors", "failed", "cancelled"];

export function KitActions() {
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Buttons />
      <Card title="Badges" description="A state is a sign and a word, never a colour alone.">
        <div className="flex flex-wrap gap-2">
          {states.map((state) => (
            <StatusBadge key={state} state={state} failed={state === "completed_with_errors" ? 3 : undefined} />
          ))}
        </div>
        <div className="mt-4 flex flex-wrap gap-2">
          {tones.map((tone) => (
            <Badge key={tone} tone={tone}>
              {tone}
            </Badge>
          ))}
        </div>
      </Card>
      <Card title="Progress">
        <div className="space-y-5">
          <Progress label="Training" done={1_240_000} total={2_000_000} unit="tokens" rate={41_300} etaSeconds={18.4} />
          <Progress label="Looking at the corpus" done={18_400} total={null} unit="documents" rate={920} />
          <Progress label="Finished with errors" done={997} total={1000} unit="features" tone="warn" />
        </div>
      </Card>
      <Card title="Numbers" description="Each with its name, its unit and its meaning.">
        <Stats>
          <Stat
            label="FVU"
            value="0.083"
            definition="Fraction of variance unexplained: how much of the activations the SAE fails to reproduce. 0 is perfect."
          />
          <Stat label="L0" value="32" unit="latents a token" note="fixed by TopK" />
          <Stat label="Dead" value="4.1 %" tone="warn" definition="Latents that fired on no token for a long while." />
          <Stat label="Loss recovered" value="97.2 %" tone="accent" />
        </Stats>
      </Card>
    </div>
  );
}

function Buttons() {
  const [dialog, setDialog] = useState(false);
  const [confirm, setConfirm] = useState(false);
  const [starred, setStarred] = useState(true);
  return (
    <Card title="Buttons" description="A word says what happens; an icon alone has a name.">
      <div className="flex flex-wrap items-center gap-2">
        <Button variant="primary" icon={Play} onClick={() => setDialog(true)}>
          Start training
        </Button>
        <Button icon={Download}>Export</Button>
        <Button variant="ghost">Cancel</Button>
        <Button variant="danger" icon={Trash2} onClick={() => setConfirm(true)}>
          Delete
        </Button>
        <Button variant="primary" busy>
          Starting
        </Button>
        <Button disabled>Disabled</Button>
        <ButtonLink to="/__kit" icon={Plus} size="sm">
          A link
        </ButtonLink>
      </div>
      <div className="mt-4 flex flex-wrap items-center gap-2">
        <IconButton name="Pause" icon={Pause} keys="p" />
        <IconButton name="Star" icon={Star} pressed={starred} onClick={() => setStarred(!starred)} />
        <IconButton name="Copy" icon={Copy} size="sm" variant="secondary" />
        <IconButton name="Delete" icon={Trash2} variant="danger" />
        <Menu
          trigger={<IconButton name="More" icon={Ellipsis} />}
          items={[
            {
              label: "Copy the link",
              icon: Copy,
              onSelect: () => toast({ tone: "done", title: "The link is copied." }),
            },
            { label: "Export", icon: Download, onSelect: () => toast({ tone: "info", title: "Export has begun." }) },
            { label: "Delete", icon: Trash2, danger: true, apart: true, onSelect: () => setConfirm(true) },
          ]}
        />
        <KeyHint keys="mod+k" />
        <KeyHint keys="g d" />
        <Explained meaning="A word with a meaning behind it.">Explained</Explained>
      </div>
      <Dialog
        open={dialog}
        onOpenChange={setDialog}
        title="Start training"
        description="It runs in the background; this page may be closed."
        actions={
          <>
            <Button onClick={() => setDialog(false)}>Cancel</Button>
            <Button variant="primary" onClick={() => setDialog(false)}>
              Start
            </Button>
          </>
        }
      >
        <Field label="Name" description="Lower-case words with dashes.">
          {(ids) => <TextInput {...ids} defaultValue="stories-l2-topk" />}
        </Field>
      </Dialog>
      <ConfirmDialog
        open={confirm}
        onOpenChange={setConfirm}
        title="Delete the dataset stories?"
        confirm="Delete"
        danger
        onConfirm={() => Promise.reject(new Error("Two trainings still read it."))}
      >
        Its 2 tokenizations (1.2 GiB) go with it. Trainings and SAEs stay.
      </ConfirmDialog>
    </Card>
  );
}
