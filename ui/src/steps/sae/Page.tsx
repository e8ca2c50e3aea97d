import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function SaesPage() {
  return (
    <Page title="SAEs">
      <SkeletonText />
    </Page>
  );
}
