import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button, ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { ErrorState } from "@/kit/ErrorState";
import { Field } from "@/kit/Field";
import { NumberInput } from "@/kit/inputs";
import { Select } from "@/kit/Select";
import { toast } from "@/kit/toast";
import { type Dataset, modelsQuery, useTokenize } from "../queries";

/** Cut the text into a model's tokens. */
export function TokenizeCard({ dataset }: { dataset: Dataset }) {
  const models = useQuery(modelsQuery).data?.items ?? [];
  const [model, setModel] = useState<string | null>(null);
  const [length, setLength] = useState<number | null>(256);
  const tokenize = useTokenize();
  const chosen = model ?? models[0]?.id ?? null;
  return (
    <Card title="Tokenize" description="Once for each model; it takes seconds to minutes.">
      <div className="grid items-start gap-5 sm:grid-cols-[2fr_1fr_auto]">
        <Field label="Model" description="Its tokenizer decides where words are cut.">
          {(ids) =>
            models.length === 0 ? (
              <ButtonLink to="/models?add=1">Add a model first</ButtonLink>
            ) : (
              <Select
                {...ids}
                options={models.map(({ id, name }) => ({ value: id, label: name }))}
                value={chosen}
                onChange={setModel}
              />
            )
          }
        </Field>
        <Field label="Length of a context" unit="tokens" description="How much the model sees at once.">
          {(ids) => <NumberInput {...ids} whole min={2} value={length} onChange={setLength} />}
        </Field>
        <div className="sm:pt-6">
          <Button
            variant="primary"
            disabled={chosen === null || length === null}
            busy={tokenize.isPending}
            onClick={() => {
              if (chosen === null || length === null) return;
              tokenize.mutate(
                { id: dataset.id, model: chosen, config: { context_length: length } },
                {
                  onSuccess: ({ job }) =>
                    toast({
                      tone: "info",
                      title: job.title,
                      text: "It runs as a job.",
                      link: { text: "Watch", to: `/jobs/${job.id}` },
                    }),
                },
              );
            }}
          >
            Tokenize
          </Button>
        </div>
      </div>
      {tokenize.error && (
        <div className="mt-4">
          <ErrorState error={tokenize.error} compact />
        </div>
      )}
    </Card>
  );
}
