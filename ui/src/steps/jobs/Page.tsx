import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function JobsPage() {
  return (
    <Page title="Jobs">
      <SkeletonText />
    </Page>
  );
}
