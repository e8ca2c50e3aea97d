import { type ReactNode, useState } from "react";
import { Button } from "./Button";
import { ErrorState } from "./ErrorState";
import { Field } from "./Field";
import { TextArea } from "./inputs";
import { KeyHint } from "./KeyHint";

interface NotesProps {
  label: string;
  value: string;
  /** Rejects: the draft stays, with the reason. */
  onSave: (text: string) => Promise<unknown>;
  description?: ReactNode;
  placeholder?: string;
  rows?: number;
}

/** Plain text that is kept when one says so. A draft survives a failure to save. */
export function Notes({ label, value, onSave, description, placeholder, rows = 4 }: NotesProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const changed = draft !== null && draft !== value;
  const save = async () => {
    if (draft === null || busy) return;
    setBusy(true);
    setError(null);
    try {
      await onSave(draft);
      setDraft(null);
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div>
      <Field label={label} description={description}>
        {(ids) => (
          <TextArea
            {...ids}
            rows={rows}
            placeholder={placeholder}
            value={draft ?? value}
            onChange={(event) => setDraft(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void save();
              if (event.key === "Escape" && changed) setDraft(null);
            }}
          />
        )}
      </Field>
      {error !== null && (
        <div className="mt-2">
          <ErrorState error={error} compact />
        </div>
      )}
      {changed && (
        <div className="mt-2 flex items-center gap-2">
          <Button size="sm" variant="primary" busy={busy} onClick={() => void save()}>
            Save
          </Button>
          <Button size="sm" variant="ghost" disabled={busy} onClick={() => setDraft(null)}>
            Undo
          </Button>
          <KeyHint keys="mod+enter" />
        </div>
      )}
    </div>
  );
}
