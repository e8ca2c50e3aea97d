import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { Button } from "@/kit/Button";
import { Dialog } from "@/kit/Dialog";
import { ErrorState } from "@/kit/ErrorState";
import { Field } from "@/kit/Field";
import { count, duration } from "@/kit/format";
import { NumberInput, TextInput } from "@/kit/inputs";
import { nameProblem } from "@/kit/nameProblem";
import { toast } from "@/kit/toast";
import { findEstimateQuery, recordingsQuery, type SaeDetail, useFind } from "../queries";
import { TextChoice, useTexts } from "./TextChoice";

/** On which text to find what the latents respond to. */
export function FindDialog({ sae, onClose }: { sae: SaeDetail; onClose: () => void }) {
  const find = useFind();
  const { texts, missing } = useTexts(sae);
  const recordings = useQuery(recordingsQuery).data?.items ?? [];
  const [text, setText] = useState<string | null>(null);
  const [most, setMost] = useState<number | null>(null);
  const [wrong, setWrong] = useState(false);
  const [name, setName] = useState("");
  // What was refused before says nothing of what is asked for now.
  const change =
    <Value,>(set: (value: Value) => void) =>
    (value: Value) => {
      find.reset();
      set(value);
    };
  const chosen = texts.find(({ id }) => id === text) ?? texts[0];
  // A recording of that text at this hook point spares running the model.
  const recording = recordings.find(
    ({ id, hooks }) =>
      id === sae.recording?.id && chosen?.id === sae.tokenization?.id && hooks.some(({ hook }) => hook === sae.hook),
  );
  const all = recording
    ? `the ${count(recording.tokens)} tokens of the recording are read`
    : `all of the text is read, ${count(chosen?.tokens ?? 0)} tokens at most`;
  const misnamed = nameProblem(name.trim());
  const request: Parameters<typeof find.mutate>[0] | null =
    !chosen || !sae.model || wrong || misnamed !== undefined
      ? null
      : {
          kind: "find",
          name: name.trim() === "" ? null : name.trim(),
          sae_id: sae.id,
          model_id: sae.model.id,
          tokenization_id: chosen.id,
          recording_ids: recording ? [recording.id] : [],
          config: { max_tokens: most } as Parameters<typeof find.mutate>[0]["config"],
        };
  const estimate = useQuery(findEstimateQuery(useDeferredValue(request))).data;
  const start = () => {
    if (request === null) return;
    find.mutate(request, {
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
        <Button variant="primary" disabled={request === null} busy={find.isPending} onClick={start}>
          Find features
        </Button>
      }
    >
      <div className="grid gap-5">
        <TextChoice texts={texts} missing={missing} value={chosen?.id ?? null} onChange={change(setText)} />
        {chosen && (
          <p className="-mt-3 text-xs text-ink-3">
            {recording
              ? `Its activations are recorded (${recording.name}), so that the model need not run.`
              : "The model reads the text anew; more text takes longer and shows rarer features."}
            {request !== null && estimate?.seconds != null && ` It takes about ${duration(estimate.seconds)}.`}
          </p>
        )}
        <Field
          label="At most"
          unit="tokens"
          description={chosen && `Left empty, ${all}.`}
          error={wrong ? "A whole number of at least 1, or nothing." : undefined}
        >
          {(ids) => (
            <NumberInput
              {...ids}
              whole
              min={1}
              step={100_000}
              value={most}
              onChange={change(setMost)}
              onWrong={setWrong}
            />
          )}
        </Field>
        <Field label="Name" description="Chosen by itself if you leave it empty." error={misnamed}>
          {(ids) => <TextInput {...ids} value={name} onChange={(event) => change(setName)(event.target.value)} />}
        </Field>
        {find.error && <ErrorState error={find.error} title="Nothing was started" compact />}
      </div>
    </Dialog>
  );
}
