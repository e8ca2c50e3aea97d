import { Boxes, Plus } from "lucide-react";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { count, percent } from "@/kit/format";
import { Name } from "@/kit/Name";
import { RelativeTime } from "@/kit/RelativeTime";
import type { SaeDetail } from "../queries";

type Found = SaeDetail["feature_set_list"][number];

const columns: readonly Column<Found>[] = [
  { id: "name", header: "Feature set", cell: (set) => <Name of={set.name} />, width: "minmax(12rem, 2fr)" },
  {
    id: "tokens",
    header: "Tokens read",
    definition: "Tokens of text on which the latents were looked for.",
    cell: (set) => count(set.tokens),
    align: "right",
  },
  {
    id: "alive",
    header: "Active on these tokens",
    definition:
      "Latents that were active on at least one of the tokens read here. The share of dead latents above is counted on the tokens of its measurement: on more text fewer are silent.",
    cell: (set) => `${count(set.alive)} of ${count(set.latents)} (${percent(set.alive / set.latents)})`,
    align: "right",
    width: "minmax(13rem, 1fr)",
  },
  { id: "made", header: "Found", cell: (set) => <RelativeTime at={set.created_at} />, width: "9rem" },
];

interface FeatureSetsProps {
  sae: SaeDetail;
  /** A search runs or waits. */
  finding: boolean;
  onFind: () => void;
}

/** What was found with it. */
export function FeatureSets({ sae, finding, onFind }: FeatureSetsProps) {
  const some = sae.feature_set_list.length > 0;
  return (
    <Card
      flush
      title="Feature sets"
      description="What makes each latent active, found by reading text."
      actions={
        some && (
          <Button icon={Plus} onClick={onFind}>
            Find on other text
          </Button>
        )
      }
    >
      <DataTable
        label="Feature sets"
        columns={columns}
        rows={sae.feature_set_list}
        rowKey={(set) => set.id}
        href={(set) => `/features/${set.id}`}
        empty={
          finding ? (
            <EmptyState icon={Boxes} title="They are being found">
              The job above reads text, and keeps for each latent the passages in which it is active. They are listed
              here when it is done.
            </EmptyState>
          ) : (
            <EmptyState
              icon={Boxes}
              title="Nobody has looked yet"
              actions={
                <Button variant="primary" icon={Boxes} onClick={onFind}>
                  Find features
                </Button>
              }
            >
              The latents have no names yet. One pass over some text shows for each latent the passages in which it is
              active.
            </EmptyState>
          )
        }
      />
    </Card>
  );
}
