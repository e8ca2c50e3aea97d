import { Page } from "@/kit/Page";
import { SkeletonText } from "@/kit/Skeleton";

export default function SettingsPage() {
  return (
    <Page title="Settings">
      <SkeletonText />
    </Page>
  );
}
