import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/kit/Button";
import { Dialog } from "@/kit/Dialog";
import { ErrorState } from "@/kit/ErrorState";
import { Field } from "@/kit/Field";
import { count } from "@/kit/format";
import { NumberInput, TextInput } from "@/kit/inputs";
import { toast } from "@/kit/toast";
import { recordingsQuery, type SaeDetail, useFind } from "../queries";
import { TextChoice, useTexts } from "./TextChoice";

/** On which text to find what the latents respond to. */
export function FindDialog({ sae, onClose }: { sae: SaeDetail; onClose: () => void }) {
  const find = useFind();
  const { texts, missing } = useTexts(sae);
  const recordings = useQuery(recordingsQuery).data?.items ?? [];
  const [text, setText] = useState<string | null>(null);
  const [most, setMost] = useState<number | null>(null);
  const [name, setName] = useState("");
  const chosen = texts.find(({ id }) => id === text) ?? texts[0];
  // A recording of that text at this hook point spares running the model.
  const recording = recordings.find(
    ({ id, hooks }) =>
      id === sae.recording?.id && chosen?.id === sae.tokenization?.id && hooks.some(({ hook }) => hook === sae.hook),
  );
  const start = () => {
    if (!chosen || !sae.model) return;
    const body = {
      kind: "find" as const,
      name: name.trim() === "" ? null : name.trim(),
      sae_id: sae.id,
      model_id: sae.model.id,
      tokenization_id: chosen.id,
      recording_ids: recording ? [recording.id] : [],
      config: { max_tokens: most } as Parameters<typeof find.mutate>[0]["config"],
    };
    find.mutate(body, {
      onSuccess: () => {
        toast({ tone: "info", title: "Features are being found" });
        onClose();
      },
    });
  };
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="Find features"
      description="The SAE reads text, and for each latent the passages that make it most active are kept."
      actions={
        <Button variant="primary" disabled={!chosen || !sae.model} busy={find.isPending} onClick={start}>
          Find features
        </Button>
      }
    >
      <div className="grid gap-5">
        <TextChoice texts={texts} missing={missing} value={chosen?.id ?? null} onChange={setText} />
        {chosen && (
          <p className="-mt-3 text-xs text-ink-3">
            {recording
              ? `Its activations are recorded (${recording.name}), so that the model need not run: this takes seconds.`
              : "The model reads the text anew; more text takes longer and shows rarer features."}
          </p>
        )}
        <Field
          label="At most"
          unit="tokens"
          description={chosen ? `Left empty, all ${count(chosen.tokens)} tokens are read.` : undefined}
        >
          {(ids) => <NumberInput {...ids} whole min={1} step={100_000} value={most} onChange={setMost} />}
        </Field>
        <Field label="Name" description="Chosen by itself if you leave it empty.">
          {(ids) => <TextInput {...ids} value={name} onChange={(event) => setName(event.target.value)} />}
        </Field>
        {find.error && <ErrorState error={find.error} title="Nothing was started" compact />}
      </div>
    </Dialog>
  );
}
