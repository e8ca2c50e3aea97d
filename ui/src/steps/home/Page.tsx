import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function HomePage() {
  return (
    <Page title="Home">
      <SkeletonText />
    </Page>
  );
}
