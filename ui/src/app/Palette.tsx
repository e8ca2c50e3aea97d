import { useQuery } from "@tanstack/react-query";
import { FlaskConical, type LucideIcon, Monitor, Moon, PanelLeft, Search, Sparkle, Sun } from "lucide-react";
import { Dialog } from "radix-ui";
import { useDeferredValue, useId, useState } from "react";
import { useNavigate } from "react-router";
import { cx } from "@/kit/cx";
import { KeyHint } from "@/kit/KeyHint";
import { useListKeys } from "@/kit/useListKeys";
import { house, road } from "./pages";
import { found } from "./queries";
import { chooseTheme } from "./theme";
import { toggleSidebar, useUi } from "./ui";

interface Command {
  group: "Pages" | "Actions" | "Found";
  title: string;
  detail?: string;
  icon: LucideIcon;
  keys?: string;
  run: () => void;
}

/** Ctrl K: go to any page, do something, or find anything by its name. */
export default function Palette() {
  const { palette } = useUi();
  const navigate = useNavigate();
  const list = useId();
  const [text, setText] = useState("");
  const wanted = useDeferredValue(text.trim());
  const search = useQuery(found(wanted));
  const go = (path: string) => () => void navigate(path);

  const fixed: Command[] = [
    ...[...road, ...house].map(({ title, icon, path, key }): Command => ({
      group: "Pages",
      title,
      icon,
      keys: `g ${key}`,
      run: go(path),
    })),
    { group: "Actions", title: "Train an SAE", icon: FlaskConical, run: go("/training/new") },
    { group: "Actions", title: "Dark theme", icon: Moon, run: () => chooseTheme("dark") },
    { group: "Actions", title: "Light theme", icon: Sun, run: () => chooseTheme("light") },
    { group: "Actions", title: "Theme as the system", icon: Monitor, run: () => chooseTheme("system") },
    { group: "Actions", title: "Narrow or widen the sidebar", icon: PanelLeft, keys: "mod+b", run: toggleSidebar },
  ];
  const fitting = fixed.filter(({ title }) => title.toLowerCase().includes(text.trim().toLowerCase()));
  const entities = (wanted === "" ? [] : (search.data ?? [])).map(({ name, detail, url }): Command => ({
    group: "Found",
    title: name,
    detail: detail ?? undefined,
    icon: Sparkle,
    run: go(url),
  }));
  const commands = [...fitting, ...entities];
  const close = () => useUi.setState({ palette: false });
  const choose = (place: number) => {
    close();
    commands[place]?.run();
  };
  const { active, setActive, onKeyDown } = useListKeys(commands.length, choose);

  return (
    <Dialog.Root open={palette} onOpenChange={(open) => useUi.setState({ palette: open })}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 animate-fade bg-veil/65" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed top-[12vh] left-1/2 z-50 w-[calc(100vw-2rem)] max-w-xl -translate-x-1/2 animate-rise overflow-hidden rounded-xl border border-line bg-surface shadow-float"
        >
          <Dialog.Title className="sr-only">Search and commands</Dialog.Title>
          <div className="flex items-center gap-3 border-b border-line px-4">
            <Search size={18} aria-hidden className="text-ink-3" />
            <input
              role="combobox"
              aria-expanded
              aria-controls={list}
              aria-activedescendant={commands.length > 0 ? `${list}-${active}` : undefined}
              aria-label="Search and commands"
              placeholder="Go to a page, or find a dataset, model, SAE, feature, job…"
              value={text}
              onChange={(event) => {
                setText(event.target.value);
                setActive(0);
              }}
              onKeyDown={onKeyDown}
              className="h-13 w-full bg-transparent text-lg outline-none"
            />
          </div>
          <div id={list} role="listbox" aria-label="Results" className="max-h-[55vh] overflow-y-auto p-2">
            {commands.map((command, place) => (
              <div key={`${command.group} ${command.title} ${place}`} role="presentation">
                {command.group !== commands[place - 1]?.group && (
                  <p aria-hidden className="px-2.5 pt-2.5 pb-1 text-xs font-semibold text-ink-3">
                    {command.group}
                  </p>
                )}
                {/* The keys are those of the field above, as the pattern for comboboxes has it. */}
                {/* eslint-disable-next-line jsx-a11y/click-events-have-key-events */}
                <div
                  id={`${list}-${place}`}
                  role="option"
                  tabIndex={-1}
                  aria-selected={place === active}
                  ref={place === active ? (row) => row?.scrollIntoView({ block: "nearest" }) : undefined}
                  onClick={() => choose(place)}
                  onPointerMove={() => setActive(place)}
                  className={cx(
                    "flex cursor-pointer items-center gap-3 rounded-lg px-2.5 py-2",
                    place === active && "bg-quiet-soft",
                  )}
                >
                  <command.icon size={16} aria-hidden className="shrink-0 text-ink-3" />
                  <span className="truncate">{command.title}</span>
                  {command.detail !== undefined && (
                    <span className="ml-auto truncate text-sm text-ink-3">{command.detail}</span>
                  )}
                  {command.keys !== undefined && (
                    <span className="ml-auto">
                      <KeyHint keys={command.keys} />
                    </span>
                  )}
                </div>
              </div>
            ))}
          </div>
          <p role="status" className="px-4 pb-3 text-sm text-ink-3 empty:hidden">
            {search.isError
              ? "The studio could not be searched: only pages and actions are listed."
              : commands.length === 0 && !search.isFetching
                ? `Nothing is called “${text.trim()}”.`
                : ""}
          </p>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
