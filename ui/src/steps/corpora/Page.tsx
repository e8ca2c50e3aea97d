import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function DatasetsPage() {
  return (
    <Page title="Datasets">
      <SkeletonText />
    </Page>
  );
}
