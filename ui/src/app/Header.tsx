import { Menu as MenuIcon, Monitor, Moon, Search, Sun } from "lucide-react";
import { Link, useLocation } from "react-router";
import { IconButton } from "@/kit/Button";
import { KeyHint } from "@/kit/KeyHint";
import { Menu } from "@/kit/Menu";
import { usePlace } from "@/kit/Page";
import { ConnectionSign } from "./ConnectionSign";
import { MachinePills } from "./MachinePills";
import { pageOf } from "./pages";
import { chooseTheme, type ThemeChoice, useTheme } from "./theme";
import { useUi } from "./ui";

const themes: readonly { choice: ThemeChoice; label: string; icon: typeof Sun }[] = [
  { choice: "dark", label: "Dark", icon: Moon },
  { choice: "light", label: "Light", icon: Sun },
  { choice: "system", label: "As the system", icon: Monitor },
];

/** Where one is, whether the studio is heard, and how the machine is. */
export function Header() {
  const { choice } = useTheme();
  return (
    <header className="sticky top-0 z-30 flex h-14 shrink-0 items-center gap-2 border-b border-line bg-page/90 px-3 backdrop-blur sm:px-5">
      <IconButton
        name="Open the menu"
        icon={MenuIcon}
        className="md:hidden"
        onClick={() => useUi.setState({ drawer: true })}
      />
      <Breadcrumb />
      <div className="ml-auto flex items-center gap-2">
        <MachinePills />
        <ConnectionSign />
        <button
          type="button"
          onClick={() => useUi.setState({ palette: true })}
          className="flex h-9 items-center gap-2 rounded-lg border border-line bg-sunken px-2.5 text-ink-3 transition-colors hover:border-line-strong hover:text-ink-2"
        >
          <Search size={16} aria-hidden />
          <span className="sr-only text-sm lg:not-sr-only">Search</span>
          <span className="sr-only"> and commands</span>
          <span aria-hidden className="hidden lg:inline">
            <KeyHint keys="mod+k" />
          </span>
        </button>
        <Menu
          trigger={<IconButton name="Theme" icon={themes.find((theme) => theme.choice === choice)?.icon ?? Moon} />}
          items={themes.map((theme) => ({
            label: theme.label,
            icon: theme.icon,
            checked: theme.choice === choice,
            onSelect: () => chooseTheme(theme.choice),
          }))}
        />
      </div>
    </header>
  );
}

function Breadcrumb() {
  const { title, crumbs } = usePlace();
  const section = pageOf(useLocation().pathname);
  const above =
    crumbs.length > 0 || section?.title === title || !section ? crumbs : [{ text: section.title, to: section.path }];
  return (
    <nav aria-label="Breadcrumb" className="min-w-0">
      <ol className="flex min-w-0 items-center gap-1.5 text-sm">
        {above.map(({ text, to }) => (
          <li key={to} className="hidden shrink-0 items-center gap-1.5 sm:flex">
            <Link to={to} className="max-w-48 truncate text-ink-3 hover:text-ink">
              {text}
            </Link>
            <span aria-hidden className="text-ink-3">
              /
            </span>
          </li>
        ))}
        <li aria-current="page" className="truncate font-medium text-ink-2">
          {title}
        </li>
      </ol>
    </nav>
  );
}
