import { useState } from "react";
import { Page } from "@/kit/Page";
import { type Tab, Tabs } from "@/kit/Tabs";
import { KitActions } from "./KitActions";
import { KitCharts } from "./KitCharts";
import { KitForms } from "./KitForms";
import { KitTables } from "./KitTables";
import { KitTexts } from "./KitTexts";

const parts = ["all", "actions", "forms", "tables", "charts", "texts"] as const;
type Part = (typeof parts)[number];

/** Every component in every state: for pictures, for axe, and for who writes a panel. No link leads here. */
export default function KitPage() {
  const [part, setPart] = useState<Part>("all");
  const content: Record<Part, () => React.ReactNode> = {
    all: () => (
      <div className="space-y-6">
        <KitActions />
        <KitForms />
        <KitTables />
        <KitCharts />
        <KitTexts />
      </div>
    ),
    actions: KitActions,
    forms: KitForms,
    tables: KitTables,
    charts: KitCharts,
    texts: KitTexts,
  };
  const tabs = parts.map((value): Tab<Part> => {
    const Content = content[value];
    return { value, label: value.charAt(0).toUpperCase() + value.slice(1), content: <Content /> };
  });
  return (
    <Page title="The kit" description="Every component that pages are made of, in every state.">
      <Tabs label="Parts of the kit" tabs={tabs} value={part} onChange={setPart} />
    </Page>
  );
}
