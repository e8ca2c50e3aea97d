import { useSearchParams } from "react-router";
import type { FeaturesQuery } from "./queries";

type Sort = NonNullable<FeaturesQuery["sortBy"]>;

/** Which features the table shows, and in what order. It stands in the address of the table and of each feature. */
export interface View {
  search: string;
  /** Shares of tokens. */
  least: number | null;
  most: number | null;
  alive: boolean | null;
  starred: boolean | null;
  labelled: boolean | null;
  /** Null: by relevance in a search, else by what is easiest to read. */
  sort: Sort | null;
  order: "asc" | "desc";
}

const names = {
  search: "search",
  least: "min_density",
  most: "max_density",
  alive: "alive",
  starred: "starred",
  labelled: "labelled",
  sort: "sort",
  order: "order",
} as const satisfies Record<keyof View, string>;

export function viewOf(params: URLSearchParams): View {
  const number = (name: string) => {
    const text = params.get(name);
    return text === null || Number.isNaN(Number(text)) ? null : Number(text);
  };
  const flag = (name: string) => (params.has(name) ? params.get(name) === "true" : null);
  return {
    search: params.get("search") ?? "",
    least: number(names.least),
    most: number(names.most),
    alive: flag("alive"),
    starred: flag("starred"),
    labelled: flag("labelled"),
    sort: params.get("sort") as Sort | null,
    order: params.get("order") === "asc" ? "asc" : "desc",
  };
}

/** The same for the API, which also takes it to name a feature's neighbours. */
export function queryOf(view: View): FeaturesQuery {
  return {
    ...(view.search === "" ? {} : { search: view.search }),
    ...(view.least === null ? {} : { min_density: view.least }),
    ...(view.most === null ? {} : { max_density: view.most }),
    ...(view.alive === null ? {} : { alive: view.alive }),
    ...(view.starred === null ? {} : { starred: view.starred }),
    ...(view.labelled === null ? {} : { labelled: view.labelled }),
    ...(view.sort === null ? {} : { sortBy: view.sort }),
    order: view.order,
  };
}

/** The same behind the address of a page: `?sort=density`, or nothing. */
export function addressOf(view: View): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(view) as [keyof View, View[keyof View]][])
    if (value !== null && value !== "" && !(key === "order" && value === "desc")) params.set(names[key], String(value));
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

export function useView(): [View, (changes: Partial<View>) => void] {
  const [params, setParams] = useSearchParams();
  const change = (changes: Partial<View>) =>
    setParams((before) => new URLSearchParams(addressOf({ ...viewOf(before), ...changes })), { replace: true });
  return [viewOf(params), change];
}
