import { useQuery } from "@tanstack/react-query";
import { Button } from "@/kit/Button";
import { ErrorState } from "@/kit/ErrorState";
import { Progress } from "@/kit/Progress";
import { stageInWords } from "@/kit/stage";
import { useLive } from "@/api/live";
import { preparingQuery, useTokenize } from "../newQueries";
import type { Choice } from "../useChoice";

/** The text must be cut into the model's tokens first: one press, and its progress. */
export function Preparation({
  choice,
  change,
}: {
  choice: Choice & { model: string; dataset: string };
  change: (changes: Partial<Choice>) => void;
}) {
  const tokenize = useTokenize();
  const { data: job } = useQuery(preparingQuery(choice.preparing));
  useLive(choice.preparing === null ? null : `jobs/${choice.preparing}`);
  const running = job !== undefined && !["failed", "cancelled"].includes(job.state);
  return (
    <div className="rounded-xl border border-info/30 bg-info-soft p-4">
      <p className="font-medium text-ink">First the text has to be tokenized for this model</p>
      <p className="mt-1 text-sm text-ink-2">
        A model reads tokens, pieces of words. This takes seconds to minutes, once for each text and model.
      </p>
      <div className="mt-3">
        {running ? (
          <Progress
            label={job.stage === null ? "Waiting for its turn" : stageInWords(job.stage)}
            done={job.done ?? 0}
            total={job.total}
          />
        ) : (
          <Button
            variant="primary"
            busy={tokenize.isPending}
            onClick={() =>
              tokenize.mutate(
                { dataset: choice.dataset, model: choice.model },
                { onSuccess: ({ job_id }) => change({ preparing: job_id }) },
              )
            }
          >
            Tokenize it now
          </Button>
        )}
      </div>
      {job?.error && <p className="mt-3 text-sm text-danger">{`${job.error.message} ${job.error.remedy}`}</p>}
      {tokenize.error && (
        <div className="mt-3">
          <ErrorState error={tokenize.error} compact />
        </div>
      )}
    </div>
  );
}
