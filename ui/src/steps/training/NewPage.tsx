import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function NewTrainingPage() {
  return (
    <Page title="New training">
      <SkeletonText />
    </Page>
  );
}
