import { Play } from "lucide-react";
import { useState } from "react";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { Dialog } from "@/kit/Dialog";
import { ErrorState } from "@/kit/ErrorState";
import { Field } from "@/kit/Field";
import { TextInput } from "@/kit/inputs";
import { toast } from "@/kit/toast";
import { useSaveTemplate } from "../newQueries";
import type { TrainRequest } from "../queries";

interface StartProps {
  name: string;
  onName: (name: string) => void;
  /** Null while something is missing. */
  request: TrainRequest | null;
  /** What is wrong with the name. */
  misnamed?: string;
  /** Why it cannot be started; null where it can. */
  why: string | null;
  busy: boolean;
  error: unknown;
  onStart: (request: TrainRequest) => void;
}

/** The name, and the button. */
export function StartCard({ name, onName, misnamed, request, why, busy, error, onStart }: StartProps) {
  const [saving, setSaving] = useState(false);
  return (
    <Card title="3. Start">
      <div className="grid items-start gap-5 md:grid-cols-[1fr_auto]">
        <Field
          label="Name"
          description="Of the SAE; chosen from the model and hook point if you leave it empty."
          error={misnamed}
        >
          {(ids) => (
            <TextInput
              {...ids}
              value={name}
              placeholder="my-first-sae"
              onChange={(event) => onName(event.target.value)}
            />
          )}
        </Field>
        <div className="flex flex-wrap gap-2 md:pt-6">
          <Button disabled={request === null} onClick={() => setSaving(true)}>
            Save as template
          </Button>
          <Button
            variant="primary"
            icon={Play}
            busy={busy}
            disabled={request === null || why !== null}
            onClick={() => request && onStart(request)}
          >
            Start training
          </Button>
        </div>
      </div>
      {why !== null && <p className="mt-3 text-sm text-ink-2">{why}</p>}
      {error !== null && (
        <div className="mt-4">
          <ErrorState error={error} title="The training was not started" compact />
        </div>
      )}
      {saving && request && <SaveTemplate request={request} onClose={() => setSaving(false)} />}
    </Card>
  );
}

function SaveTemplate({ request, onClose }: { request: TrainRequest; onClose: () => void }) {
  const [name, setName] = useState("");
  const save = useSaveTemplate();
  const run = () =>
    save.mutate(
      { name, request },
      {
        onSuccess: () => {
          toast({ tone: "done", title: `Saved as “${name}”`, link: { text: "Templates", to: "/templates" } });
          onClose();
        },
      },
    );
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="Save as template"
      description="The options are kept under a name; the model and the text are chosen anew each time."
      actions={
        <Button variant="primary" disabled={name.trim() === ""} busy={save.isPending} onClick={run}>
          Save
        </Button>
      }
    >
      <Field label="Name">
        {(ids) => <TextInput {...ids} value={name} onChange={(event) => setName(event.target.value)} />}
      </Field>
      {save.error && (
        <div className="mt-3">
          <ErrorState error={save.error} compact />
        </div>
      )}
    </Dialog>
  );
}
