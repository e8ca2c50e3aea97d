import { useQuery } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { Button } from "@/kit/Button";
import { ConfirmDialog } from "@/kit/Dialog";
import { ErrorState } from "@/kit/ErrorState";
import { Page } from "@/kit/Page";
import { SkeletonPage } from "@/kit/Skeleton";
import { Tabs } from "@/kit/Tabs";
import { toast } from "@/kit/toast";
import { Documents } from "./parts/Documents";
import { Overview } from "./parts/Overview";
import { Statistics } from "./parts/Statistics";
import { Tokenizations } from "./parts/Tokenizations";
import { type Dataset, datasetQuery, useDelete } from "./queries";

const crumbs = [{ text: "Datasets", to: "/datasets" }];
const tabs = ["overview", "documents", "tokenizations", "statistics"] as const;
type Tab = (typeof tabs)[number];

export default function DatasetPage() {
  const { id = "" } = useParams();
  const [view, setView] = useSearchParams();
  const tab: Tab = tabs.find((each) => each === view.get("tab")) ?? "overview";
  const { data: dataset, error, isPending, refetch } = useQuery(datasetQuery(id));
  if (isPending) return <SkeletonPage />;
  if (error)
    return (
      <Page title="Data set" crumbs={crumbs}>
        <ErrorState error={error} onRetry={() => void refetch()} />
      </Page>
    );
  return (
    <Page title={dataset.name} crumbs={crumbs} actions={<DeleteButton dataset={dataset} />}>
      <Tabs
        label="Parts of the data set"
        value={tab}
        onChange={(next: Tab) => setView({ tab: next }, { replace: true })}
        tabs={[
          { value: "overview", label: "Overview", content: <Overview dataset={dataset} /> },
          {
            value: "documents",
            label: "Documents",
            count: dataset.documents,
            content: <Documents id={dataset.id} />,
          },
          {
            value: "tokenizations",
            label: "Tokenizations",
            count: dataset.tokenizations,
            content: <Tokenizations dataset={dataset} />,
          },
          { value: "statistics", label: "Statistics", content: <Statistics dataset={dataset} /> },
        ]}
      />
    </Page>
  );
}

function DeleteButton({ dataset }: { dataset: Dataset }) {
  const navigate = useNavigate();
  const remove = useDelete();
  const [asking, setAsking] = useState(false);
  return (
    <>
      <Button variant="ghost" icon={Trash2} onClick={() => setAsking(true)}>
        Delete
      </Button>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={`Delete the data set ${dataset.name}?`}
        confirm="Delete"
        danger
        onConfirm={async () => {
          await remove.mutateAsync(dataset);
          toast({ tone: "info", title: `${dataset.name} is being deleted` });
          await navigate("/datasets");
        }}
      >
        Its text is removed from the studio; the files that it was made from are not touched.
      </ConfirmDialog>
    </>
  );
}
