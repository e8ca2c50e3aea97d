import { Gauge } from "lucide-react";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { dateTime, number, percent, short } from "@/kit/format";
import { Name } from "@/kit/Name";
import type { Evaluation } from "../queries";

const of = (name: string) => (each: Evaluation) => each.numbers.find((one) => one.name === name)?.value ?? null;

const columns: readonly Column<Evaluation>[] = [
  { id: "made", header: "Measured", cell: (each) => dateTime(each.created_at), width: "minmax(13rem, 1fr)" },
  {
    id: "text",
    header: "On",
    cell: (each) => <Name of={each.dataset?.name ?? "text that is gone"} />,
    width: "minmax(11rem, 1fr)",
  },
  { id: "tokens", header: "Tokens", cell: (each) => short(each.tokens), align: "right", width: "5.5rem" },
  {
    id: "fvu",
    header: "FVU",
    definition: "Fraction of variance unexplained: what the SAE loses of the activations. 0 is perfect.",
    cell: (each) => number(of("fvu")(each)),
    align: "right",
    width: "5rem",
  },
  {
    id: "l0",
    header: "L0",
    definition: "How many latents are active on a token, on average.",
    cell: (each) => number(of("l0")(each)),
    align: "right",
    width: "4.5rem",
  },
  {
    id: "recovered",
    header: "Loss recovered",
    definition: "Of what the model loses in prediction when the activations are replaced by their mean, the SAE keeps.",
    cell: (each) => percent(of("loss_recovered_mean")(each)),
    align: "right",
    width: "8rem",
  },
  {
    id: "against",
    header: "Compared with",
    definition: "Another SAE, such as one of another seed: how far does it have the same latents?",
    cell: (each) =>
      of("stability_cosine")(each) === null ? "—" : <Name of={each.against?.name ?? "an SAE that is gone"} />,
    width: "minmax(9rem, 1fr)",
  },
];

interface EvaluationsProps {
  saeId: string;
  evaluations: readonly Evaluation[];
  onEvaluate: () => void;
}

/** How often it was measured; each line leads to its report. */
export function Evaluations({ saeId, evaluations, onEvaluate }: EvaluationsProps) {
  return (
    <Card
      flush
      title="Evaluations"
      description="What the SAE is worth on text. Open one for its report: charts, and what every number means."
      actions={
        evaluations.length > 0 && (
          <Button icon={Gauge} onClick={onEvaluate}>
            Measure again
          </Button>
        )
      }
    >
      <DataTable
        label="Evaluations"
        columns={columns}
        rows={evaluations}
        rowKey={(each) => each.id}
        href={(each) => `/saes/${saeId}/evaluations/${each.id}`}
        maxHeight="18rem"
        empty={
          <EmptyState
            icon={Gauge}
            title="Not measured yet"
            actions={
              <Button variant="primary" icon={Gauge} onClick={onEvaluate}>
                Measure it
              </Button>
            }
          >
            A measurement reads text that the SAE was not trained on, and replaces the model’s activations by what the
            SAE rebuilds: does the model still predict as well?
          </EmptyState>
        }
      />
    </Card>
  );
}
