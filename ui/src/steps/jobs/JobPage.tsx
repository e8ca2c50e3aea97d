import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function JobPage() {
  return (
    <Page title="Job">
      <SkeletonText />
    </Page>
  );
}
