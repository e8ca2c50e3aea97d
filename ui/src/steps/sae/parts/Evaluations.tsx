import { Gauge } from "lucide-react";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { EmptyState } from "@/kit/EmptyState";
import { count, dateTime, number, percent } from "@/kit/format";
import { Histogram } from "@/kit/Histogram";
import { Select } from "@/kit/Select";
import { Explained } from "@/kit/Tooltip";
import type { Evaluation, Measured } from "../queries";
import { CrossEntropies } from "./CrossEntropies";

interface EvaluationsProps {
  evaluations: readonly Evaluation[];
  /** Id of the one to show; the newest where null. */
  shown: string | null;
  onShow: (id: string | null) => void;
  onEvaluate: () => void;
}

/** What it was measured to be worth. */
export function Evaluations({ evaluations, shown, onShow, onEvaluate }: EvaluationsProps) {
  const evaluation = evaluations.find(({ id }) => id === shown) ?? evaluations[0];
  if (!evaluation)
    return (
      <Card title="Evaluation">
        <EmptyState
          icon={Gauge}
          title="Not measured yet"
          actions={
            <Button variant="primary" icon={Gauge} onClick={onEvaluate}>
              Measure it
            </Button>
          }
        >
          A measurement reads text that the SAE was not trained on, and replaces the model’s activations by what the SAE
          rebuilds: does the model still predict as well?
        </EmptyState>
      </Card>
    );
  return (
    <Card
      title="Evaluation"
      description={`${count(evaluation.tokens)} tokens of ${evaluation.dataset?.name ?? "text that is not here any more"}${splits[evaluation.config.split]}. ${said(evaluation.rule)}`}
      actions={
        <>
          {evaluations.length > 1 && (
            <Select
              aria-label="Which evaluation"
              className="w-56"
              value={evaluation.id}
              onChange={onShow}
              options={evaluations.map((each, place) => ({
                value: each.id,
                label: `${dateTime(each.created_at)}${place === 0 ? " (newest)" : ""}`,
              }))}
            />
          )}
          <Button icon={Gauge} onClick={onEvaluate}>
            Measure again
          </Button>
        </>
      }
    >
      <div className="grid items-start gap-x-8 gap-y-6 lg:grid-cols-2">
        <CrossEntropies numbers={evaluation.numbers} />
        <Density evaluation={evaluation} />
      </div>
      <MetricTable numbers={evaluation.numbers} />
    </Card>
  );
}

const splits = { held_out: ", held out from training", train: ", of the training documents", all: "" };

function said(rule: string): string {
  return rule === "" ? "" : `Left out: ${rule.replace(/^excluded: /, "")}.`;
}

function Density({ evaluation }: { evaluation: Evaluation }) {
  const { edges_log10: edges, counts, never } = evaluation.density_histogram;
  const bins = counts.map((each, place) => ({ from: edges[place] ?? 0, to: edges[place + 1] ?? 0, count: each }));
  return (
    <div>
      <Histogram
        label="How often latents are active"
        bins={bins}
        unit="log₁₀ of the share of tokens"
        things="latents"
      />
      <p className="mt-2 text-sm text-ink-3">
        −3 means: active on one token in a thousand. {count(never)} latents were active on none.
      </p>
    </div>
  );
}

function MetricTable({ numbers }: { numbers: readonly Measured[] }) {
  return (
    <div className="mt-6 overflow-x-auto">
      <table className="w-full text-left text-sm">
        <caption className="sr-only">All numbers of the evaluation</caption>
        <thead className="text-ink-3">
          <tr className="border-b border-line">
            <th scope="col" className="py-2 pr-4 font-medium">
              Metric
            </th>
            <th scope="col" className="py-2 pr-4 text-right font-medium">
              Value
            </th>
            <th scope="col" className="py-2 pr-4 font-medium">
              Unit
            </th>
            <th scope="col" className="hidden py-2 font-medium md:table-cell">
              What it means
            </th>
          </tr>
        </thead>
        <tbody>
          {numbers.map((each) => (
            <tr key={each.name} className="border-b border-line/60 align-top">
              <th scope="row" className="py-2 pr-4 font-medium text-ink">
                <span className="hidden md:inline">{each.title}</span>
                <span className="md:hidden">
                  <Explained meaning={each.definition}>{each.title}</Explained>
                </span>
                {each.better !== "none" && (
                  <span className="block text-xs font-normal text-ink-3">{each.better} is better</span>
                )}
              </th>
              <td className="py-2 pr-4 text-right whitespace-nowrap text-ink tabular-nums">{valueOf(each)}</td>
              <td className="py-2 pr-4 whitespace-nowrap text-ink-3">{each.unit === "1" ? "–" : each.unit}</td>
              <td className="hidden max-w-xl py-2 text-ink-3 md:table-cell">
                {each.definition} <span className="text-xs">{each.source}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function valueOf({ name, value }: Measured): string {
  return name.endsWith("_share") || name.startsWith("loss_recovered") ? percent(value) : number(value);
}
