import { useQuery } from "@tanstack/react-query";
import { Microscope } from "lucide-react";
import { Button } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { type Column, DataTable } from "@/kit/DataTable";
import { EmptyState } from "@/kit/EmptyState";
import { count, dateTime, percent, plural } from "@/kit/format";
import { type Probing, probingsQuery } from "../queries";

const columns: readonly Column<Probing>[] = [
  { id: "made", header: "Probed", cell: (each) => dateTime(each.created_at), width: "minmax(13rem, 1fr)" },
  { id: "about", header: "For", cell: aboutOf, width: "minmax(11rem, 1.5fr)" },
  { id: "samples", header: "On", cell: samplesOf, width: "minmax(9rem, 1fr)" },
  { id: "found", header: "Found", cell: foundBy, width: "minmax(18rem, 2fr)" },
];

/** What was asked of it, and what was found; each line leads to its report. */
export function Probings({ saeId, onProbe }: { saeId: string; onProbe: () => void }) {
  const { data, isPending, error, refetch } = useQuery(probingsQuery(saeId));
  return (
    <Card
      flush
      title="Probings"
      description="What its latents know of things that people have names for: labels of documents, first letters of words."
      actions={
        data &&
        data.length > 0 && (
          <Button icon={Microscope} onClick={onProbe}>
            Probe for more
          </Button>
        )
      }
    >
      <DataTable
        label="Probings"
        columns={columns}
        rows={data ?? []}
        rowKey={(each) => each.id}
        href={(each) => `/saes/${saeId}/probings/${each.id}`}
        loading={isPending}
        error={error}
        onRetry={() => void refetch()}
        maxHeight="18rem"
        empty={
          <EmptyState
            icon={Microscope}
            title="Not probed yet"
            actions={
              <Button icon={Microscope} onClick={onProbe}>
                Probe it
              </Button>
            }
          >
            A probe is a small classifier that reads a few latents. Where one latent does as well as the whole
            activation, it stands for that concept.
          </EmptyState>
        }
      />
    </Card>
  );
}

export function aboutOf({ labels, dataset }: Probing): string {
  return labels
    ? `${labels.config.label ?? "a label"} of ${dataset?.name ?? "documents that are gone"}`
    : "first letters";
}

function samplesOf({ labels, spelling }: Probing): string {
  return labels ? `${count(labels.documents)} documents` : `${count(spelling?.words ?? 0)} words`;
}

function foundBy({ labels, spelling }: Probing): string {
  if (spelling)
    return `${percent(spelling.absorption_rate)} of words absorbed, ${plural(spelling.split_letters, "letter")} split`;
  const of = (probe: string) => labels?.means.find((each) => each.probe === probe)?.scores.balanced_accuracy;
  return `one latent ${percent(of("k=1"))}, without the SAE ${percent(of("raw activations"))} right`;
}
