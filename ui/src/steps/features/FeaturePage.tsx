import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function FeaturePage() {
  return (
    <Page title="Feature">
      <SkeletonText />
    </Page>
  );
}
