import { Boxes, Plus } from "lucide-react";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { count, percent } from "@/kit/format";
import { RelativeTime } from "@/kit/RelativeTime";
import type { SaeDetail } from "../queries";

type Found = SaeDetail["feature_set_list"][number];

const columns: readonly Column<Found>[] = [
  { id: "name", header: "Feature set", cell: (set) => set.name, width: "minmax(12rem, 2fr)" },
  {
    id: "tokens",
    header: "Tokens read",
    definition: "Tokens of text on which the latents were looked for.",
    cell: (set) => count(set.tokens),
    align: "right",
  },
  {
    id: "alive",
    header: "Living latents",
    definition: "Latents that were active on at least one of these tokens.",
    cell: (set) => `${count(set.alive)} of ${count(set.latents)} (${percent(set.alive / set.latents)})`,
    align: "right",
    width: "minmax(13rem, 1fr)",
  },
  { id: "made", header: "Found", cell: (set) => <RelativeTime at={set.created_at} />, width: "9rem" },
];

/** What was found with it. */
export function FeatureSets({ sae, onFind }: { sae: SaeDetail; onFind: () => void }) {
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
        }
      />
    </Card>
  );
}
