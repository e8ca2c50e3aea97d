import {
  AudioLines,
  Boxes,
  BrainCircuit,
  FlaskConical,
  Gauge,
  MessageSquareText,
  Radar,
  SlidersHorizontal,
  type LucideIcon,
} from "lucide-react";
import type { Next, Step } from "./queries";

interface Place {
  icon: LucideIcon;
  /** Where the step is done; null where this version cannot. */
  to: string | null;
}

export const places: Record<Step["key"], Place> = {
  prepare: { icon: BrainCircuit, to: "/models" },
  train: { icon: FlaskConical, to: "/training" },
  find: { icon: Boxes, to: "/features" },
  explain: { icon: MessageSquareText, to: "/features" },
  score: { icon: Gauge, to: null },
  correlate: { icon: Radar, to: null },
  monitor: { icon: AudioLines, to: null },
  steer: { icon: SlidersHorizontal, to: "/steering" },
};

/** What is counted at a step: its name in the plural, and the page that lists it. */
export const things: Record<string, { one: string; many: string; to: string | null }> = {
  model: { one: "model", many: "models", to: "/models" },
  dataset: { one: "data set", many: "data sets", to: "/datasets" },
  tokenization: { one: "tokenization", many: "tokenizations", to: null },
  recording: { one: "recording", many: "recordings", to: null },
  sae: { one: "SAE", many: "SAEs", to: "/saes" },
  evaluation: { one: "evaluation", many: "evaluations", to: null },
  feature_set: { one: "feature set", many: "feature sets", to: "/features" },
  label: { one: "label", many: "labels", to: "/features" },
};

/** Where the next step is taken, and what the button says. */
export function nextPlace(next: Next): { to: string; text: string } {
  const id = next.id ?? "";
  switch (next.key) {
    case "watch":
      return { to: `/jobs/${id}`, text: "Watch it" };
    case "demo":
    case "model":
      return { to: "/models?add=1", text: "Add a model" };
    case "dataset":
      return { to: "/datasets?add=1", text: "Add text" };
    case "tokenization":
      return { to: `/datasets/${id}?tab=tokenizations`, text: "Tokenize it" };
    case "train":
      return { to: "/training/new", text: "Train an SAE" };
    case "find":
      return { to: `/saes/${id}?find=1`, text: "Find its features" };
    case "label":
      return { to: `/features/${id}`, text: "Browse the features" };
    case "steer":
      return { to: "/steering", text: "Steer the model" };
  }
}
