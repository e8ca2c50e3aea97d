import { Page } from "@/kit/Page";

export default function KitPage() {
  return <Page title="The kit">{null}</Page>;
}
