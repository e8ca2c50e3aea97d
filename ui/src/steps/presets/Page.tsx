import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function TemplatesPage() {
  return (
    <Page title="Templates">
      <SkeletonText />
    </Page>
  );
}
