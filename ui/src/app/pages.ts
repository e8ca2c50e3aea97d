import {
  Activity,
  Boxes,
  BrainCircuit,
  Database,
  FileText,
  FlaskConical,
  House,
  ListChecks,
  Network,
  Settings,
  SlidersHorizontal,
  type LucideIcon,
} from "lucide-react";

export interface PageLink {
  path: string;
  title: string;
  icon: LucideIcon;
  /** `g` and then this key goes there. */
  key: string;
}

/** The pages of the sidebar, in the order of the road: what is made by one is used by the next. */
export const road: readonly PageLink[] = [
  { path: "/", title: "Home", icon: House, key: "h" },
  { path: "/datasets", title: "Datasets", icon: Database, key: "d" },
  { path: "/models", title: "Models", icon: BrainCircuit, key: "m" },
  { path: "/training", title: "Training", icon: FlaskConical, key: "t" },
  { path: "/saes", title: "SAEs", icon: Network, key: "a" },
  { path: "/features", title: "Features", icon: Boxes, key: "f" },
  { path: "/steering", title: "Steering", icon: SlidersHorizontal, key: "s" },
];

/** What serves the whole road. */
export const house: readonly PageLink[] = [
  { path: "/jobs", title: "Jobs", icon: ListChecks, key: "j" },
  { path: "/system", title: "System", icon: Activity, key: "y" },
  { path: "/templates", title: "Templates", icon: FileText, key: "p" },
  { path: "/settings", title: "Settings", icon: Settings, key: "e" },
];

/** The page that an address belongs to. */
export function pageOf(pathname: string): PageLink | undefined {
  return [...road, ...house].find(({ path }) =>
    path === "/" ? pathname === "/" : pathname === path || pathname.startsWith(`${path}/`),
  );
}
