import { useState } from "react";
import { Button } from "@/kit/Button";
import { Dialog } from "@/kit/Dialog";
import { ErrorState } from "@/kit/ErrorState";
import { Field } from "@/kit/Field";
import { TextInput } from "@/kit/inputs";
import { nameProblem } from "@/kit/nameProblem";
import { Select } from "@/kit/Select";
import { Switch } from "@/kit/Switch";
import { toast } from "@/kit/toast";
import { useAdd, usePreview, type Wanted } from "../queries";
import { Architecture } from "./Architecture";
import { MemoryTable } from "./MemoryTable";

const first: Wanted = { source: "", name: "", dtype: "auto", quantize: null, trust_remote_code: false };

/** Name a model, see what it is and what it takes, and add it. */
export function AddModel({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog
      open={open}
      onOpenChange={onClose}
      size="lg"
      title="Add a model"
      description="You see what it is and how much memory it takes before anything is fetched."
    >
      <Steps onClose={onClose} />
    </Dialog>
  );
}

function Steps({ onClose }: { onClose: () => void }) {
  const [wanted, setWanted] = useState(first);
  const preview = usePreview();
  const add = useAdd();
  // What failed before says nothing of what is asked for now.
  const set = (changes: Partial<Wanted>) => {
    if (changes.source !== undefined) preview.reset();
    add.reset();
    setWanted({ ...wanted, ...changes });
  };
  const source = wanted.source.trim();
  const misnamed = nameProblem(wanted.name.trim());
  const start = () =>
    add.mutate(
      { ...wanted, name: wanted.name.trim(), source },
      {
        onSuccess: ({ job }) => {
          toast({
            tone: "info",
            title: job.title,
            text: "It runs as a job.",
            link: { text: "Watch", to: `/jobs/${job.id}` },
          });
          onClose();
        },
      },
    );
  return (
    <div className="space-y-5">
      <form
        className="grid items-start gap-3 sm:grid-cols-[1fr_auto]"
        onSubmit={(event) => {
          event.preventDefault();
          preview.mutate(source);
        }}
      >
        <Field
          label="Where the model is"
          description="A model of the Hub (HuggingFaceTB/SmolLM2-135M-Instruct), or a directory or .gguf file on the studio's machine."
        >
          {(ids) => (
            <TextInput {...ids} value={wanted.source} onChange={(event) => set({ source: event.target.value })} />
          )}
        </Field>
        <Button type="submit" busy={preview.isPending} disabled={source === ""} className="sm:mt-6">
          Look into it
        </Button>
      </form>
      {preview.error && <ErrorState error={preview.error} compact />}
      {preview.data && (
        <section aria-label="What it is" className="space-y-4 rounded-lg border border-line p-4">
          {preview.data.stored_as !== null && (
            <p className="text-sm text-warn">It is here already, as {preview.data.stored_as}.</p>
          )}
          <Architecture description={preview.data.description} />
          <MemoryTable memory={preview.data.memory} />
        </section>
      )}
      <div className="grid gap-5 sm:grid-cols-2">
        <Field label="Name" description="In the studio; taken from the source if you leave it empty." error={misnamed}>
          {(ids) => <TextInput {...ids} value={wanted.name} onChange={(event) => set({ name: event.target.value })} />}
        </Field>
        <Field label="Number format" description="What is fastest here, if you leave it automatic.">
          {(ids) => (
            <Select
              {...ids}
              options={[
                { value: "auto", label: "Automatic" },
                { value: "float32", label: "float32: exact, most memory" },
                { value: "bfloat16", label: "bfloat16: half the memory" },
                { value: "float16", label: "float16: half the memory, for older GPUs" },
              ]}
              value={wanted.dtype}
              onChange={(dtype) => set({ dtype })}
            />
          )}
        </Field>
        <Field label="Pack the weights" description="Needs a GPU and bitsandbytes; the numbers become coarser.">
          {(ids) => (
            <Select
              {...ids}
              options={[
                { value: "none", label: "No" },
                { value: "8bit", label: "8 bits" },
                { value: "4bit", label: "4 bits" },
              ]}
              value={wanted.quantize ?? "none"}
              onChange={(form) => set({ quantize: form === "none" ? null : form })}
            />
          )}
        </Field>
        <Switch
          label="Run code that comes with the model"
          description="Only for authors whom you trust with this machine."
          checked={wanted.trust_remote_code}
          onChange={(trust_remote_code) => set({ trust_remote_code })}
        />
      </div>
      {add.error && <ErrorState error={add.error} compact />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Close</Button>
        <Button
          variant="primary"
          disabled={source === "" || misnamed !== undefined || preview.isPending || preview.isError}
          busy={add.isPending}
          onClick={start}
        >
          Add it
        </Button>
      </div>
    </div>
  );
}
