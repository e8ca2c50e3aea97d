import { Dialog } from "@/kit/Dialog";
import { KeyHint } from "@/kit/KeyHint";
import { house, road } from "./pages";
import { useUi } from "./ui";

const groups = [
  {
    title: "Everywhere",
    keys: [
      ["mod+k", "Search, and run a command"],
      ["mod+b", "Narrow or widen the sidebar"],
      ["?", "These shortcuts"],
      ["escape", "Close what lies on top"],
    ],
  },
  { title: "Go to", keys: [...road, ...house].map(({ key, title }) => [`g ${key}`, title] as const) },
  {
    title: "In a table",
    keys: [
      ["up", "The row above"],
      ["down", "The row below"],
      ["enter", "Open the row"],
      ["space", "Choose the row, where rows can be chosen"],
    ],
  },
] as const;

export default function Shortcuts() {
  const { shortcuts } = useUi();
  return (
    <Dialog
      open={shortcuts}
      onOpenChange={(open) => useUi.setState({ shortcuts: open })}
      title="Keyboard shortcuts"
      size="lg"
    >
      <div className="grid gap-x-10 gap-y-6 sm:grid-cols-2">
        {groups.map(({ title, keys }) => (
          <section key={title} className={title === "Go to" ? "sm:row-span-2" : undefined}>
            <h3 className="mb-2 text-sm font-semibold text-ink-2">{title}</h3>
            <dl className="space-y-1.5">
              {keys.map(([chord, words]) => (
                <div key={chord} className="flex items-center justify-between gap-4">
                  <dt className="text-ink-2">{words}</dt>
                  <dd>
                    <KeyHint keys={chord} />
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
