import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function ModelPage() {
  return (
    <Page title="Model">
      <SkeletonText />
    </Page>
  );
}
