import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function ModelsPage() {
  return (
    <Page title="Models">
      <SkeletonText />
    </Page>
  );
}
