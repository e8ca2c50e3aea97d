import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function DatasetPage() {
  return (
    <Page title="Dataset">
      <SkeletonText />
    </Page>
  );
}
