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

interface Known {
  id: string;
}

/** What there is to choose from. */
export interface There {
  models: readonly Known[];
  datasets: readonly Known[];
  recordings: readonly Known[];
}

/** Where there is one only, it is chosen: a recording before a model and text, which take longer. */
export function useChoice(there: There): [Choice, (changes: Partial<Choice>) => void] {
  const [view, setView] = useSearchParams();
  const layer = view.get("layer");
  const only = (some: readonly Known[]) => (some.length === 1 ? (some[0]?.id ?? null) : null);
  const named = view.has("model") || view.has("dataset");
  const first = !named && only(there.recordings) !== null ? "recording" : "model";
  const choice: Choice = {
    from: (view.get("from") ?? first) === "recording" ? "recording" : "model",
    model: view.get("model") ?? only(there.models),
    dataset: view.get("dataset") ?? only(there.datasets),
    recording: view.get("recording") ?? only(there.recordings),
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
