import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function FeatureSetsPage() {
  return (
    <Page title="Features">
      <SkeletonText />
    </Page>
  );
}
