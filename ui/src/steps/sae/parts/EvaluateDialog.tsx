import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/kit/Button";
import { Dialog } from "@/kit/Dialog";
import { ErrorState } from "@/kit/ErrorState";
import { Field } from "@/kit/Field";
import { NumberInput } from "@/kit/inputs";
import { Select } from "@/kit/Select";
import { toast } from "@/kit/toast";
import { type Evaluation, type SaeDetail, saesQuery, useEvaluate } from "../queries";
import { TextChoice, useTexts } from "./TextChoice";

type Split = Evaluation["config"]["split"];
const splits: { value: Split; label: string }[] = [
  { value: "held_out", label: "Held-out documents, never trained on (recommended)" },
  { value: "train", label: "Training documents" },
  { value: "all", label: "All documents" },
];

/** On which text to measure the SAE, and on how much of it. */
export function EvaluateDialog({ sae, onClose }: { sae: SaeDetail; onClose: () => void }) {
  const evaluate = useEvaluate(sae.id);
  const { texts, missing } = useTexts(sae);
  const [text, setText] = useState<string | null>(null);
  const [split, setSplit] = useState<Split>("held_out");
  const [tokens, setTokens] = useState<number | null>(131_072);
  const [contexts, setContexts] = useState<number | null>(64);
  const [wrong, setWrong] = useState({ tokens: false, contexts: false });
  const [against, setAgainst] = useState("");
  const others = (useQuery(saesQuery({ hook: sae.hook, limit: 500 })).data?.items ?? []).filter(
    (each) => each.id !== sae.id && each.d_in === sae.d_in && each.model_name === sae.model_name,
  );
  const chosen = texts.find(({ id }) => id === text) ?? texts[0];
  const start = () => {
    if (!chosen || tokens === null || contexts === null) return;
    evaluate.mutate(
      {
        model_id: sae.model?.id ?? null,
        tokenization_id: chosen.id,
        against_id: against === "" ? null : against,
        config: { split, max_tokens: tokens, splice_contexts: contexts, batch_contexts: 8 },
      },
      {
        onSuccess: () => {
          toast({ tone: "info", title: `${sae.name} is being measured` });
          onClose();
        },
      },
    );
  };
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="Measure the SAE"
      description="How well does it rebuild the activations, and does the model still predict text with what it rebuilds?"
      actions={
        <Button
          variant="primary"
          disabled={!chosen || tokens === null || contexts === null || wrong.tokens || wrong.contexts}
          busy={evaluate.isPending}
          onClick={start}
        >
          Measure it
        </Button>
      }
    >
      <div className="grid gap-5">
        <TextChoice texts={texts} missing={missing} value={chosen?.id ?? null} onChange={setText} />
        <Field label="Documents">
          {(ids) => <Select {...ids} value={split} onChange={setSplit} options={splits} />}
        </Field>
        <div className="grid gap-5 sm:grid-cols-2">
          <Field
            label="To rebuild"
            unit="tokens"
            description="For FVU, L0 and dead latents. More is steadier."
            error={wrong.tokens || tokens === null ? "A whole number of at least 1." : undefined}
          >
            {(ids) => (
              <NumberInput
                {...ids}
                whole
                min={1}
                step={16_384}
                value={tokens}
                onChange={setTokens}
                onWrong={(is) => setWrong((before) => ({ ...before, tokens: is }))}
              />
            )}
          </Field>
          <Field
            label="To predict"
            unit="contexts"
            description="For cross-entropies. Runs the whole model; 0 leaves them out."
            error={wrong.contexts || contexts === null ? "A whole number, or 0." : undefined}
          >
            {(ids) => (
              <NumberInput
                {...ids}
                whole
                min={0}
                step={16}
                value={contexts}
                onChange={setContexts}
                onWrong={(is) => setWrong((before) => ({ ...before, contexts: is }))}
              />
            )}
          </Field>
        </div>
        <Field
          label="Compare with"
          description={
            others.length > 0
              ? "Another SAE of this hook point, best one of another seed: does it have the same latents?"
              : "There is no other SAE of this hook point. Train one with another seed to see which latents are found again."
          }
        >
          {(ids) => (
            <Select
              {...ids}
              value={against}
              onChange={setAgainst}
              disabled={others.length === 0}
              options={[{ value: "", label: "None" }, ...others.map(({ id, name }) => ({ value: id, label: name }))]}
            />
          )}
        </Field>
        {evaluate.error && <ErrorState error={evaluate.error} title="Nothing was started" compact />}
      </div>
    </Dialog>
  );
}
