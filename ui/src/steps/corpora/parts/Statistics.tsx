import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { ErrorState } from "@/kit/ErrorState";
import { count, number, percent } from "@/kit/format";
import { Histogram } from "@/kit/Histogram";
import { Select } from "@/kit/Select";
import { SkeletonText } from "@/kit/Skeleton";
import { Stat, Stats } from "@/kit/Stat";
import { type Dataset, type Statistics as Numbers, statisticsQuery, tokenizationsQuery } from "../queries";

type Frequent = Numbers["most_frequent"][number];

const columns: readonly Column<Frequent>[] = [
  { id: "text", header: "Token", cell: (each) => <code className="whitespace-pre">{each.text}</code> },
  {
    id: "count",
    header: "Times",
    cell: (each) => count(each.count),
    sort: (each) => each.count,
    firstOrder: "desc",
    align: "right",
  },
];

/** Lengths and vocabulary, counted on a tokenization. */
export function Statistics({ dataset }: { dataset: Dataset }) {
  const list = useQuery(tokenizationsQuery(dataset.id)).data?.items ?? [];
  const [chosen, setChosen] = useState<string | null>(null);
  const id = chosen ?? list[0]?.id ?? null;
  if (id === null)
    return (
      <EmptyState title="Nothing to count yet">
        Statistics are counted in tokens: tokenize the data set for a model first.
      </EmptyState>
    );
  return (
    <div className="grid grid-cols-1 gap-4">
      {list.length > 1 && (
        <div className="w-80">
          <Select
            aria-label="Which tokenization"
            options={list.map((each) => ({ value: each.id, label: each.name }))}
            value={id}
            onChange={setChosen}
          />
        </div>
      )}
      <Counted id={id} />
    </div>
  );
}

function Counted({ id }: { id: string }) {
  const { data, error, isPending, refetch } = useQuery(statisticsQuery(id));
  if (isPending) return <SkeletonText lines={6} />;
  if (error) return <ErrorState error={error} onRetry={() => void refetch()} />;
  return (
    <>
      <Card>
        <Stats>
          <Stat label="Documents" value={count(data.documents)} note={`${count(data.documents_held_out)} set aside`} />
          <Stat
            label="Tokens of text"
            value={count(data.text_tokens)}
            definition="Without BOS, separators and other special tokens."
          />
          <Stat
            label="Vocabulary used"
            value={percent(data.vocabulary_used_share)}
            note={`${count(data.vocabulary_used)} of ${count(data.vocabulary)} tokens`}
            definition="Share of the tokens that the model knows which occur in the text."
          />
          <Stat label="Shortest" value={count(data.lengths.min)} unit="tokens" />
          <Stat label="Median" value={number(data.lengths.median)} unit="tokens" />
          <Stat label="Longest" value={count(data.lengths.max)} unit="tokens" />
        </Stats>
      </Card>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Card>
          <Histogram
            label="Lengths of the documents"
            unit="tokens"
            things="documents"
            bins={data.lengths.histogram.map((bar) => ({ from: bar.low, to: bar.high, count: bar.documents }))}
          />
        </Card>
        <Card title="Most frequent tokens" flush>
          <DataTable
            label="Most frequent tokens"
            columns={columns}
            rows={data.most_frequent}
            rowKey={(each) => String(each.id)}
            maxHeight="24rem"
            empty={<EmptyState title="No tokens">The text is empty.</EmptyState>}
          />
        </Card>
      </div>
    </>
  );
}
