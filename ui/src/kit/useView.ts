import { useSearchParams } from "react-router";

/** How a list is shown, kept in the address: a reload, a link and the back button show the same. */
export function useView(sortedBy = "created_at") {
  const [view, setView] = useSearchParams();
  const change = (changes: Readonly<Record<string, string>>) =>
    setView(
      (before) => {
        for (const [name, value] of Object.entries(changes))
          if (value === "") before.delete(name);
          else before.set(name, value);
        return before;
      },
      { replace: true },
    );
  const order: "asc" | "desc" = view.get("order") === "asc" ? "asc" : "desc";
  return {
    get: (name: string) => view.get(name),
    search: view.get("search") ?? "",
    sort: { id: view.get("sort") ?? sortedBy, order },
    /** An empty text takes the name out of the address. */
    change,
  };
}
