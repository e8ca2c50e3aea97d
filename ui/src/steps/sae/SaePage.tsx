import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function SaePage() {
  return (
    <Page title="SAE">
      <SkeletonText />
    </Page>
  );
}
