import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function FeatureSetPage() {
  return (
    <Page title="Feature set">
      <SkeletonText />
    </Page>
  );
}
