import { useSearchParams } from "react-router";

/** What shall be trained on. It stands in the address, so that a reload and a link keep it. */
export interface Choice {
  from: "model" | "recording";
  model: string | null;
  dataset: string | null;
  recording: string | null;
  site: string;
  layer: number | null;
  /** The job that tokenizes the text for the model. */
  preparing: string | null;
}

export function useChoice(): [Choice, (changes: Partial<Choice>) => void] {
  const [view, setView] = useSearchParams();
  const layer = view.get("layer");
  const choice: Choice = {
    from: view.get("from") === "recording" ? "recording" : "model",
    model: view.get("model"),
    dataset: view.get("dataset"),
    recording: view.get("recording"),
    site: view.get("site") ?? "resid_post",
    layer: layer === null ? null : Number(layer),
    preparing: view.get("preparing"),
  };
  const change = (changes: Partial<Choice>) =>
    setView(
      (before) => {
        for (const [name, value] of Object.entries(changes))
          if (value === null) before.delete(name);
          else before.set(name, String(value));
        return before;
      },
      { replace: true },
    );
  return [choice, change];
}
