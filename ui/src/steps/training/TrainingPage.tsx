import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function TrainingPage() {
  return (
    <Page title="Training">
      <SkeletonText />
    </Page>
  );
}
