import { type FocusEvent, type ReactNode, useEffect, useEffectEvent, useState } from "react";
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

/** Plain text that is kept when one says so, goes to another field, or leaves. A draft survives a failure to save. */
export function Notes({ label, value, onSave, description, placeholder, rows = 4 }: NotesProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [saved, setSaved] = useState(false);
  const changed = draft !== null && draft !== value;
  const save = async () => {
    if (!changed || busy) return;
    setBusy(true);
    setError(null);
    try {
      await onSave(draft);
      setDraft((now) => (now === draft ? null : now));
      setSaved(true);
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  };
  const write = (text: string | null) => {
    setDraft(text);
    setSaved(false);
  };
  const onBlur = ({ currentTarget, relatedTarget }: FocusEvent) => {
    if (!currentTarget.contains(relatedTarget)) void save();
  };
  // Links and keys lead away without a blur.
  const leave = useEffectEvent(() => {
    if (changed && !busy) void onSave(draft).catch(() => undefined);
  });
  useEffect(() => () => leave(), []);
  return (
    // It is no control: it hears that the focus left all of it.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div onBlur={onBlur}>
      <Field label={label} description={description}>
        {(ids) => (
          <TextArea
            {...ids}
            rows={rows}
            placeholder={placeholder}
            value={draft ?? value}
            onChange={(event) => write(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void save();
              if (event.key === "Escape" && changed) write(null);
            }}
          />
        )}
      </Field>
      {error !== null && (
        <div className="mt-2">
          <ErrorState error={error} compact />
        </div>
      )}
      <p role="status" className={saved && !changed ? "mt-1 text-xs text-ink-3" : "sr-only"}>
        {saved && !changed ? "Saved" : ""}
      </p>
      {changed && (
        <div className="mt-2 flex items-center gap-2">
          <Button size="sm" variant="primary" busy={busy} onClick={() => void save()}>
            Save
          </Button>
          <Button size="sm" variant="ghost" disabled={busy} onClick={() => write(null)}>
            Undo
          </Button>
          <KeyHint keys="mod+enter" />
        </div>
      )}
    </div>
  );
}
