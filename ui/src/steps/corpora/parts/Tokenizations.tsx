import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { EmptyState } from "@/kit/EmptyState";
import { ErrorState } from "@/kit/ErrorState";
import { count } from "@/kit/format";
import { SkeletonText } from "@/kit/Skeleton";
import { Stat, Stats } from "@/kit/Stat";
import { TokenText } from "@/kit/TokenText";
import { contextsQuery, type Dataset, type Tokenization, tokenizationsQuery } from "../queries";
import { TokenizeCard } from "./TokenizeCard";

/** The data set as models read it. */
export function Tokenizations({ dataset }: { dataset: Dataset }) {
  const { data, error, isPending, refetch } = useQuery(tokenizationsQuery(dataset.id));
  return (
    <div className="grid grid-cols-1 gap-4">
      <TokenizeCard dataset={dataset} />
      {isPending ? (
        <SkeletonText />
      ) : error ? (
        <ErrorState error={error} onRetry={() => void refetch()} />
      ) : data.items.length === 0 ? (
        <EmptyState title="Not tokenized yet">
          A model reads tokens, pieces of words, in contexts of equal length. Choose the model above.
        </EmptyState>
      ) : (
        data.items.map((each) => <One key={each.id} tokenization={each} />)
      )}
    </div>
  );
}

function One({ tokenization }: { tokenization: Tokenization }) {
  const [seed, setSeed] = useState<number | null>(null);
  return (
    <Card
      title={
        tokenization.model ? (
          <>
            For{" "}
            <Link to={`/models/${tokenization.model.id}`} className="text-accent hover:underline">
              {tokenization.model.name}
            </Link>
          </>
        ) : (
          `With the tokenizer of ${tokenization.tokenizer}`
        )
      }
      description={tokenization.note ?? undefined}
      actions={
        <Button size="sm" onClick={() => setSeed((before) => (before === null ? 0 : before + 1))}>
          {seed === null ? "Show some contexts" : "Show others"}
        </Button>
      }
    >
      <Stats>
        <Stat label="Tokens" value={count(tokenization.tokens)} />
        <Stat
          label="Contexts"
          value={count(tokenization.contexts)}
          note={`${count(tokenization.contexts_held_out)} set aside`}
          definition="Pieces of equal length that the model reads one by one."
        />
        <Stat label="Length of a context" value={count(tokenization.context_length)} unit="tokens" />
      </Stats>
      {seed !== null && <Contexts id={tokenization.id} seed={seed} />}
    </Card>
  );
}

function Contexts({ id, seed }: { id: string; seed: number }) {
  const { data, error, isPending, refetch } = useQuery(contextsQuery(id, seed));
  if (isPending) return <SkeletonText lines={6} />;
  if (error) return <ErrorState error={error} onRetry={() => void refetch()} compact />;
  return (
    <ul className="mt-4 space-y-4 border-t border-line pt-4">
      {data.items.map((context) => (
        <li key={context.context}>
          <p className="mb-1 text-xs text-ink-3">{context.documents.join(" · ")}</p>
          <TokenText
            label={`A context of ${context.documents.join(", ")}`}
            tokens={context.pieces}
            // Every second token is tinted, so that one sees where each ends; special ones stand out.
            values={context.special.map((special, place) => (special ? 1 : place % 2 === 0 ? 0.25 : 0))}
            max={1}
            whitespace
          />
        </li>
      ))}
    </ul>
  );
}
