import { Pencil } from "lucide-react";
import { useState } from "react";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { Field } from "@/kit/Field";
import { TextInput } from "@/kit/inputs";
import { Notes } from "@/kit/Notes";
import type { Change, Feature } from "../queries";

interface LabelProps {
  feature: Feature;
  /** Rejects: the draft stays. */
  onChange: (change: Change) => Promise<unknown>;
}

/** What somebody thinks that the latent stands for. */
export function LabelCard({ feature, onChange }: LabelProps) {
  return (
    <Card>
      <div className="grid grid-cols-1 gap-4">
        <Label feature={feature} onChange={onChange} />
        <Notes
          label="Notes"
          value={feature.notes ?? ""}
          rows={2}
          placeholder="What speaks for it, what against"
          onSave={(text) => onChange({ notes: text.trim() === "" ? null : text })}
        />
      </div>
    </Card>
  );
}

function Label({ feature, onChange }: LabelProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const save = async () => {
    if (draft === null) return;
    const label = draft.trim() === "" ? null : draft.trim();
    if (label === feature.label) {
      setDraft(null);
      return;
    }
    setBusy(true);
    // A failure is told by the mutation; the draft stays.
    await onChange({ label }).then(
      () => setDraft(null),
      () => undefined,
    );
    setBusy(false);
  };
  if (draft === null)
    return (
      <div>
        <div className="text-sm font-medium text-ink-2">Label</div>
        <button
          type="button"
          onClick={() => setDraft(feature.label ?? "")}
          className="group mt-1 flex w-full items-center justify-between gap-2 rounded-lg border border-transparent py-1.5 text-left text-lg hover:border-line hover:bg-quiet-soft/50 hover:px-3"
          aria-label={feature.label === null ? "Write a label" : `Change the label: ${feature.label}`}
        >
          <span className={feature.label === null ? "text-ink-3" : "font-semibold wrap-anywhere text-ink"}>
            {feature.label ?? "What does it stand for?"}
          </span>
          <Pencil size={15} aria-hidden className="shrink-0 text-ink-3" />
        </button>
      </div>
    );
  return (
    <Field label="Label">
      {(ids) => (
        <div className="flex gap-2">
          <TextInput
            {...ids}
            // One pressed to write.
            // eslint-disable-next-line jsx-a11y/no-autofocus
            autoFocus
            maxLength={500}
            value={draft}
            onChange={(event) => setDraft(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter") void save();
              if (event.key === "Escape") setDraft(null);
            }}
          />
          <Button variant="primary" busy={busy} onClick={() => void save()}>
            Save
          </Button>
        </div>
      )}
    </Field>
  );
}
