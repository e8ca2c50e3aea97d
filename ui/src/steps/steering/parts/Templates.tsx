import { useQuery } from "@tanstack/react-query";
import { BookmarkPlus, FileText } from "lucide-react";
import { useState } from "react";
import { Button } from "@/kit/Button";
import { Dialog } from "@/kit/Dialog";
import { ErrorState } from "@/kit/ErrorState";
import { Field } from "@/kit/Field";
import { TextInput } from "@/kit/inputs";
import { Menu } from "@/kit/Menu";
import { toast } from "@/kit/toast";
import type { Choice } from "../choice";
import { type FeatureSet, type Sent, templatesQuery, useSaveTemplate } from "../queries";

interface TemplatesProps {
  set: FeatureSet | undefined;
  choice: Choice;
  /** Null while the strengths are not known. */
  edits: readonly Sent[] | null;
  onLoad: (id: string) => void;
}

/** What was chosen, kept under a name; and what was kept, brought back. */
export function Templates({ set, choice, edits, onLoad }: TemplatesProps) {
  const templates = useQuery(templatesQuery).data ?? [];
  const [saving, setSaving] = useState(false);
  return (
    <>
      {templates.length > 0 && (
        <Menu
          trigger={<Button icon={FileText}>Templates</Button>}
          items={templates.map(({ id, name }) => ({ label: name, onSelect: () => onLoad(id) }))}
        />
      )}
      <Button icon={BookmarkPlus} disabled={!set || !edits?.length} onClick={() => setSaving(true)}>
        Save as template
      </Button>
      {saving && set && edits && <Save onClose={() => setSaving(false)} set={set} choice={choice} edits={edits} />}
    </>
  );
}

interface SaveProps {
  set: FeatureSet;
  choice: Choice;
  edits: readonly Sent[];
  onClose: () => void;
}

function Save({ set, choice, edits, onClose }: SaveProps) {
  const [name, setName] = useState("");
  const save = useSaveTemplate();
  const run = () =>
    save.mutate(
      { name: name.trim(), set, edits: [...edits], choice },
      {
        onSuccess: () => {
          toast({ tone: "done", title: `Saved as “${name.trim()}”`, link: { text: "Templates", to: "/templates" } });
          onClose();
        },
      },
    );
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="Save as template"
      description="The features, their strengths, the text and how it is continued are kept under a name."
      actions={
        <Button variant="primary" disabled={name.trim() === ""} busy={save.isPending} onClick={run}>
          Save
        </Button>
      }
    >
      <Field label="Name">
        {(ids) => (
          <TextInput
            {...ids}
            value={name}
            onChange={(event) => setName(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && name.trim() !== "") run();
            }}
          />
        )}
      </Field>
      {save.error && (
        <div className="mt-3">
          <ErrorState error={save.error} compact />
        </div>
      )}
    </Dialog>
  );
}
