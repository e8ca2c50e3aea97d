// A small SAE with an evaluation and two probings, as the studio answers for it.
import type { Evaluation, Measured, Probing, SaeDetail, Tokenization } from "@/steps/sae/queries";
import { list } from "./studio";

export const number = (name: string, value: number, unit = "1"): Measured => ({
  name,
  title: `Title of ${name}`,
  symbol: name,
  unit,
  better: "lower",
  definition: `Definition of ${name}.`,
  source: "A paper",
  value,
});

export const evaluation: Evaluation = {
  id: "evaluation-1",
  sae: { id: "sae-1", name: "first" },
  tokenization: { id: "tokens-1", name: "stories-tokens" },
  dataset: { id: "corpus-1", name: "stories" },
  model_name: "tiny",
  config: { split: "held_out", max_tokens: 1000, splice_contexts: 4, batch_contexts: 8 },
  tokens: 990,
  tokens_read: 1000,
  predictions: 200,
  excluded_special: 10,
  excluded_massive: 0,
  rule: "excluded: special tokens",
  numbers: [
    number("fvu", 0.25),
    number("l0", 8, "latents/token"),
    number("ce_model", 3, "nats/token"),
    number("ce_spliced", 3.5, "nats/token"),
    number("ce_mean", 8, "nats/token"),
    number("loss_recovered_mean", 0.9),
  ],
  density_histogram: { edges_log10: [-2, -1, 0], counts: [40, 20], never: 4 },
  density: number("density_histogram", 0),
  decoder_cosines: {
    levels: [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1],
    values: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.9],
    latents: 64,
  },
  decoder: number("decoder_cosine_quantiles", 0),
  against: null,
  created_at: "2026-01-01T00:00:00Z",
  job_id: null,
};

export const sae: SaeDetail = {
  id: "sae-1",
  name: "first",
  bytes: 2 ** 20,
  path: "/srv/first",
  model: { id: "model-1", name: "tiny" },
  model_name: "tiny",
  hook: "resid_post.3",
  architecture: "topk",
  d_in: 8,
  d_sae: 64,
  k: 8,
  training: { id: "training-1", name: "first" },
  recording: null,
  tokenization: { id: "tokens-1", name: "stories-tokens" },
  dataset: { id: "corpus-1", name: "stories" },
  training_numbers: [number("fvu", 0.2), number("dead_share", 0.5)],
  feature_sets: 0,
  evaluations: 1,
  newest_evaluation: evaluation,
  created_at: "2026-01-01T00:00:00Z",
  job_id: null,
  config: { seed: 0 },
  rule: null,
  feature_set_list: [],
  evaluation_list: [evaluation],
};

export const text = {
  id: "tokens-1",
  name: "stories-tokens",
  tokens: 12_000,
  dataset: { id: "corpus-1", name: "stories" },
  model: { id: "model-1", name: "tiny" },
} as Tokenization;

export const answers = {
  "GET /saes": list([sae]),
  "GET /saes/sae-1": sae,
  "GET /saes/sae-1/probings": [],
  "GET /jobs": list([]),
  "GET /tokenizations": list([text]),
  "GET /recordings": list([]),
};

const scores = (balanced_accuracy: number) => ({ accuracy: 0.9, balanced_accuracy, auc: 0.95, f1: 0.8 });
const subject = { model: {}, sae: {}, excluded: {} } as const;

export const ofLabels = {
  id: "probing-1",
  sae: { id: "sae-1", name: "first" },
  about: "labels",
  dataset: { id: "corpus-1", name: "stories" },
  model_name: "tiny",
  spelling: null,
  created_at: "2026-01-01T00:00:00Z",
  job_id: null,
  labels: {
    ...subject,
    fit: {},
    config: { label: "party", group: null, min_documents: 20, ks: [1, 2] },
    documents: 90,
    train_documents: 45,
    test_documents: 45,
    tokens: 9000,
    left_out_classes: { none: 2 },
    repeated_documents: 1,
    empty_documents: 0,
    classes: ["Whig", "Federalist", "Democratic"].map((label, place) => ({
      label,
      documents: 30,
      train_documents: 15,
      test_documents: 15,
      always_one_answer: 0.66,
      sparse: [
        { k: 1, latents: [place], scores: scores(0.71) },
        { k: 2, latents: [place, place + 10], scores: scores(0.75) },
      ],
      all_latents: scores(0.85),
      raw: scores(0.9),
    })),
    means: [
      { probe: "k=1", scores: scores(0.71) },
      { probe: "k=2", scores: scores(0.75) },
      { probe: "all latents", scores: scores(0.85) },
      { probe: "raw activations", scores: scores(0.9) },
    ],
    perturbations: [
      {
        k: 2,
        score: 0.21,
        classes: ["Whig", "Federalist", "Democratic"].map((label, place) => ({
          label,
          latents: [place, place + 20],
          own_fall: 0.25,
          others_fall: 0.04,
          score: 0.21,
        })),
      },
    ],
  },
} as unknown as Probing;

export const ofSpelling = {
  ...ofLabels,
  id: "probing-2",
  about: "spelling",
  dataset: null,
  labels: null,
  spelling: {
    ...subject,
    fit: {},
    config: { template: "{word} has the first letter: {letter}" },
    words: 400,
    train_words: 200,
    test_words: 200,
    letters: [
      {
        letter: "S",
        train_words: 50,
        test_words: 50,
        probe: scores(0.9),
        f1_by_k: [0.6, 0.7],
        train_f1_by_k: [0.6, 0.7],
        main_latents: [3, 4],
        right_words: 40,
        absorbed_words: 10,
        absorption_rate: 0.25,
        absorption_fraction: 0.3,
        absorbers: [{ latent: 9, cosine: 0.4, words: 8, examples: ["snake", "snail"] }],
      },
    ],
    left_out_letters: { X: "too few words" },
    absorption_rate: 0.25,
    absorption_fraction: 0.3,
    main_latents: 2,
    split_letters: 1,
  },
} as unknown as Probing;
