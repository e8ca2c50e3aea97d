import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function SystemPage() {
  return (
    <Page title="System">
      <SkeletonText />
    </Page>
  );
}
