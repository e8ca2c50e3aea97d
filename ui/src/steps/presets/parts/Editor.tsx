import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError } from "@/api/errors";
import { openapiQuery } from "@/api/schemas";
import { Button } from "@/kit/Button";
import { Dialog } from "@/kit/Dialog";
import { ErrorState } from "@/kit/ErrorState";
import { Field } from "@/kit/Field";
import { defaultsOf, type FormValues, problemsOf } from "@/kit/formValues";
import { TextArea, TextInput } from "@/kit/inputs";
import { type FieldDescriptor, fieldsOf } from "@/kit/jsonSchema";
import { SchemaForm } from "@/kit/SchemaForm";
import { SkeletonText } from "@/kit/Skeleton";
import { toast } from "@/kit/toast";
import { type Given, givenOf, type Kind, type Template, useSave } from "../queries";
import { kinds } from "../words";

interface EditorProps {
  kind: Kind;
  /** Null for a new one. */
  template: Template | null;
  onClose: () => void;
}

/** Write a template: its name, what it is good for, and its options, drawn from their schema. */
export function Editor({ kind, template, onClose }: EditorProps) {
  const document = useQuery(openapiQuery);
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="lg"
      title={template === null ? `New ${kinds[kind].title.toLowerCase()} template` : template.name}
      description={kinds[kind].meaning}
    >
      {document.isPending ? (
        <SkeletonText lines={6} />
      ) : document.error ? (
        <ErrorState error={document.error} onRetry={() => void document.refetch()} compact />
      ) : (
        <Form
          kind={kind}
          template={template}
          onClose={onClose}
          fields={fieldsOf(document.data.components.schemas[kinds[kind].schema] ?? {}, document.data)}
        />
      )}
    </Dialog>
  );
}

function Form({ kind, template, onClose, fields }: EditorProps & { fields: readonly FieldDescriptor[] }) {
  const [name, setName] = useState(template?.name ?? "");
  const [description, setDescription] = useState(template?.description ?? "");
  const [values, setValues] = useState<FormValues>(
    () => (template?.config as FormValues | undefined) ?? defaultsOf(fields),
  );
  const save = useSave();
  const problems = problemsOf(fields, values);
  const refused = save.error instanceof ApiError ? save.error.fields("config") : {};
  const run = () =>
    save.mutate(
      {
        id: template?.id ?? null,
        given: {
          ...(template === null ? { is_favorite: false } : givenOf(template)),
          kind,
          name: name.trim(),
          description,
          config: values,
        } as Given,
      },
      {
        onSuccess: () => {
          toast({ tone: "done", title: `Saved “${name.trim()}”` });
          onClose();
        },
      },
    );
  return (
    <div className="space-y-5">
      <Field label="Name">
        {(ids) => <TextInput {...ids} value={name} onChange={(event) => setName(event.target.value)} />}
      </Field>
      <Field label="What it is good for">
        {(ids) => (
          <TextArea {...ids} rows={2} value={description} onChange={(event) => setDescription(event.target.value)} />
        )}
      </Field>
      <SchemaForm
        fields={fields}
        values={values}
        onChange={setValues}
        errors={{ ...problems, ...refused }}
        hidden={["recording_ids", "model_id", "tokenization_id", "sae_id", "feature_set_id"]}
        automatic="chosen by itself"
      />
      {save.error && <ErrorState error={save.error} compact />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Close</Button>
        <Button
          variant="primary"
          disabled={name.trim() === "" || Object.keys(problems).length > 0}
          busy={save.isPending}
          onClick={run}
        >
          Save
        </Button>
      </div>
    </div>
  );
}
