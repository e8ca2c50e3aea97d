import type { Edit } from "./choice";
import type { Suggestion } from "./queries";

export type Zone = "none" | "subtle" | "moderate" | "strong" | "extreme";

/** Beyond this multiple of a strong push a model rarely writes sentences. */
const EXTREME = 1.5;

/** Where the zones begin, as strengths. */
export function zonesOf({ subtle, moderate, strong }: Suggestion): { zone: Zone; from: number }[] {
  return [
    { zone: "none", from: 0 },
    { zone: "subtle", from: subtle / 2 },
    { zone: "moderate", from: (subtle + moderate) / 2 },
    { zone: "strong", from: (moderate + strong) / 2 },
    { zone: "extreme", from: strong * EXTREME },
  ];
}

export function zoneOf(strength: number, suggestion: Suggestion): Zone {
  const zones = zonesOf(suggestion).filter(({ from }) => Math.abs(strength) >= from);
  return zones.at(-1)?.zone ?? "none";
}

const words: Record<Zone, string> = {
  none: "hardly felt",
  subtle: "subtle",
  moderate: "moderate",
  strong: "strong",
  extreme: "likely to break the language",
};

/** Whether no text can be expected any more. */
export function isFarBeyond(strength: number, { strong }: Suggestion): boolean {
  return Math.abs(strength) > 3 * strong;
}

/** What a strength does, in words. */
export function inWords(mode: Edit["mode"], strength: number, suggestion: Suggestion): string {
  if (strength === 0) return mode === "clamp" ? "switched off" : "changes nothing";
  return words[zoneOf(strength, suggestion)];
}
