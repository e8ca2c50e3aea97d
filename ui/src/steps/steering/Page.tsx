import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function SteeringPage() {
  return (
    <Page title="Steering">
      <SkeletonText />
    </Page>
  );
}
