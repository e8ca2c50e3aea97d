// A small feature set, as the studio answers for it.
import type {
  Examples,
  Feature,
  FeaturePage as Whole,
  FeatureSetDetail,
  Passage,
  TriedText,
} from "@/steps/features/queries";
import { list } from "./studio";

export const set: FeatureSetDetail = {
  id: "features-1",
  name: "found",
  bytes: 1000,
  sae: { id: "sae-1", name: "first" },
  model: { id: "model-1", name: "tiny" },
  tokenization: { id: "tokens-1", name: "stories" },
  hook: "resid_post.3",
  tokens: 10_000,
  latents: 64,
  alive: 60,
  loaded: true,
  created_at: "2026-01-01T00:00:00Z",
  job_id: null,
  labelled: 1,
  starred: 0,
  log_density: { edges: [-4, -3, -2], counts: [30, 30] },
  max_activation: 20,
  lens: null,
  excluded: "",
  manifest: {},
};

export const feature = (latent: number, more: Partial<Feature> = {}): Feature => ({
  latent,
  label: null,
  notes: null,
  starred: false,
  score: null,
  density: 0.004,
  count: 40,
  max: 12,
  mean: 3,
  interest: 2.5,
  documents: 9,
  top_tokens: [" tax", " taxes"],
  updated_at: null,
  ...more,
});

const whole = (more: Partial<Feature> = {}): Whole => ({
  feature_set: set,
  feature: feature(7, more),
  statistics: [
    {
      name: "density",
      title: "Activation density",
      symbol: "ρ",
      unit: "of tokens",
      better: "none",
      definition: "Share of the tokens.",
      source: "",
      value: 0.004,
    },
  ] as Whole["statistics"],
  histogram: { edges: [0, 6, 12], counts: [30, 10] },
  lens: {
    promoted: [{ text: " tax", logit: 0.9 }],
    suppressed: [{ text: " cat", logit: -0.4 }],
    statement: "Without the final norm.",
  },
  steering: { strength: 2.5, max_activation: 12, reason: "Three tenths of the median norm." },
  neighbours: { previous: null, next: 9 },
  permalink: "/features/features-1/7",
});

const passage: Passage = {
  document: "1848.txt",
  document_number: 1,
  position: 0,
  tokens: ["a", " b", " c", " d", " the", " tax", " of", " e", " f", " g", " h", " i"],
  activations: [0, 0, 0, 0, 1, 12, 0, 0, 0, 0, 0, 0],
  peak: 5,
  excluded: [],
};

const examples: Examples = {
  latent: 7,
  max: 12,
  widths: [
    { name: "stacked", title: "Stacked", reach: 2 },
    { name: "snippet", title: "Snippet", reach: 4 },
    { name: "full", title: "Full", reach: null },
  ],
  groups: [
    { name: "top", title: "Top activations", low: 12, high: 12, passages: 30, share: 1, contexts: [passage] },
    {
      name: "interval 1 of 1",
      title: "Interval 1 of 1",
      low: 1,
      high: 8,
      passages: 6,
      share: 0.2,
      contexts: [{ ...passage, document: "1849.txt" }],
    },
  ],
};

const tried: TriedText = {
  latent: 7,
  tokens: [
    { text: "No", activation: 0, excluded: null },
    { text: " tax", activation: 6, excluded: null },
  ],
  max: 6,
  max_activation: 12,
};

export const of = "/feature-sets/features-1";
export const answers = {
  "GET /feature-sets": list([set, { ...set, id: "features-2", name: "other" }]),
  [`GET ${of}`]: set,
  [`GET ${of}/features`]: list([feature(7, { label: "taxes" }), feature(9)]),
  [`GET ${of}/features/7`]: whole(),
  [`GET ${of}/features/7/examples`]: examples,
  [`GET ${of}/features/9`]: { ...whole(), feature: feature(9), neighbours: { previous: 7, next: null } },
  [`GET ${of}/features/9/examples`]: { ...examples, latent: 9 },
  [`POST ${of}/features/7/test`]: tried,
  [`POST ${of}/features/9/test`]: { ...tried, latent: 9 },
};
