import { useQuery } from "@tanstack/react-query";
import { useParams, useSearchParams } from "react-router";
import { DeleteButton } from "@/kit/DeleteButton";
import { ErrorState } from "@/kit/ErrorState";
import { Page } from "@/kit/Page";
import { SkeletonPage } from "@/kit/Skeleton";
import { Tabs } from "@/kit/Tabs";
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
    <Page title={dataset.name} crumbs={crumbs} actions={<Delete dataset={dataset} />}>
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

function Delete({ dataset }: { dataset: Dataset }) {
  const remove = useDelete();
  return (
    <DeleteButton what={`the data set ${dataset.name}`} to="/datasets" onDelete={() => remove.mutateAsync(dataset)}>
      Its text is removed from the studio; the files that it was made from are not touched.
    </DeleteButton>
  );
}
