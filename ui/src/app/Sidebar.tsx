import { useQuery } from "@tanstack/react-query";
import { PanelLeftClose, PanelLeftOpen, X } from "lucide-react";
import { Link, useLocation } from "react-router";
import { IconButton } from "@/kit/Button";
import { cx } from "@/kit/cx";
import * as format from "@/kit/format";
import { Tooltip } from "@/kit/Tooltip";
import { house, type PageLink, pageOf, road } from "./pages";
import { runningJobs } from "./queries";
import { toggleSidebar, useUi } from "./ui";

/** The way along the road. Narrow it shows icons, whose names are in tooltips; on small screens it is a drawer. */
export function Sidebar({ drawer = false }: { drawer?: boolean }) {
  const narrow = useUi((ui) => ui.narrow) && !drawer;
  const running = useQuery(runningJobs).data ?? 0;
  const close = () => useUi.setState({ drawer: false });
  const links = (pages: readonly PageLink[], label: string) => (
    <ul aria-label={label} className="space-y-0.5">
      {pages.map((page) => (
        <li key={page.path}>
          <SidebarLink page={page} narrow={narrow} badge={page.path === "/jobs" ? running : 0} onClick={close} />
        </li>
      ))}
    </ul>
  );
  return (
    <nav
      aria-label="Main"
      className={cx(
        "flex h-full flex-col border-r border-line bg-surface transition-[width] duration-200",
        narrow ? "w-16" : "w-56",
      )}
    >
      <div className={cx("flex h-14 shrink-0 items-center gap-2.5 px-4", narrow && "justify-center px-0")}>
        <img src="/favicon.svg" alt="" className="size-8" />
        {!narrow && (
          <span className="text-lg font-semibold tracking-tight">
            mi<span className="text-accent">Studio</span>
          </span>
        )}
        {drawer && (
          <button
            type="button"
            aria-label="Close the menu"
            onClick={close}
            className="ml-auto rounded-md p-1 text-ink-3 hover:text-ink"
          >
            <X size={18} aria-hidden />
          </button>
        )}
      </div>
      <div className="min-h-0 flex-1 space-y-3 overflow-y-auto px-2.5 py-3">
        {links(road, "The road")}
        <hr className="mx-2 border-line" />
        {links(house, "The studio")}
      </div>
      {!drawer && (
        <div className={cx("flex shrink-0 border-t border-line p-2", narrow ? "justify-center" : "justify-end")}>
          <IconButton
            name={narrow ? "Widen the sidebar" : "Narrow the sidebar"}
            icon={narrow ? PanelLeftOpen : PanelLeftClose}
            keys="mod+b"
            aria-expanded={!narrow}
            onClick={toggleSidebar}
          />
        </div>
      )}
    </nav>
  );
}

interface SidebarLinkProps {
  page: PageLink;
  narrow: boolean;
  badge: number;
  onClick: () => void;
}

function SidebarLink({ page: { path, title, icon: Icon }, narrow, badge, onClick }: SidebarLinkProps) {
  const running = badge > 0 ? format.plural(badge, "job running", "jobs running") : undefined;
  const here = pageOf(useLocation().pathname)?.path === path;
  const link = (
    <Link
      to={path}
      onClick={onClick}
      aria-current={here ? "page" : undefined}
      className={cx(
        "relative flex h-9 items-center gap-3 rounded-lg font-medium transition-colors",
        narrow ? "justify-center" : "px-3",
        here ? "bg-accent-soft text-accent" : "text-ink-2 hover:bg-quiet-soft hover:text-ink",
      )}
    >
      <Icon size={18} aria-hidden className="shrink-0" />
      <span className={narrow ? "sr-only" : "truncate"}>{title}</span>
      {running !== undefined && (
        <span
          className={cx(
            "rounded-full tabular-nums",
            narrow
              ? "absolute top-1.5 right-2 size-2 bg-info"
              : "ml-auto bg-info-soft px-1.5 text-xs font-semibold text-info",
          )}
        >
          <span aria-hidden>{narrow ? "" : badge}</span>
          <span className="sr-only">{running}</span>
        </span>
      )}
    </Link>
  );
  return narrow ? (
    <Tooltip text={running === undefined ? title : `${title}: ${running}`} side="right">
      {link}
    </Tooltip>
  ) : (
    link
  );
}
