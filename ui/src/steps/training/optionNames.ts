/** What the options of a training are called, by their paths. */
export const labels: Readonly<Record<string, string>> = {
  sae: "The SAE",
  "sae.k": "Active latents",
  "sae.expansion": "Expansion",
  "sae.d_sae": "Latents in all",
  "sae.target": "Reconstructed hook point",
  "sae.skip": "Linear map beside the latents",
  "sae.aux_k": "Dead latents that help (AuxK)",
  "sae.aux_coefficient": "Weight of the AuxK loss",
  "sae.threshold_decay": "Decay of the threshold",
  "sae.prefix_shares": "Shares that explain alone",
  "sae.coefficient": "Weight of the penalty",
  "sae.pre_coefficient": "Pull on dead latents",
  "sae.penalty": "Penalty",
  "sae.bandwidth": "Width of the band",
  "sae.tanh_scale": "Steepness of tanh",
  "sae.decoder_norm": "Norm of the decoder rows",
  tokens: "Training tokens",
  batch_size: "Batch size",
  accumulate: "Parts of a batch",
  precision: "Precision of the encoder",
  buffer_tokens: "Shuffle buffer",
  lr: "Learning rate",
  warmup_steps: "Warm-up",
  lr_schedule: "Fall of the learning rate",
  decay_share: "Share of steps that decay",
  k_start: "Active latents at first",
  k_share: "Share of steps in which they fall",
  coefficient_share: "Share with a rising penalty",
  beta1: "Adam β₁",
  beta2: "Adam β₂",
  eps: "Adam ε",
  gradient_clip: "Largest gradient norm",
  normalisation: "Normalisation",
  b_dec_start: "Decoder bias starts from",
  dead_after_tokens: "Dead after",
  revive: "Dead latents come back by",
  resample_every: "Resample every",
  log_every: "Log every",
  checkpoint_every: "Checkpoint every",
  keep_checkpoints: "Checkpoints kept",
  validation: "Validation",
  "validation.validate_every": "Validate every",
  "validation.validation_tokens": "Tokens held back",
  "validation.keep_best": "Keep the best state",
  "validation.finish_with": "The SAE is of the state that is",
  "validation.patience": "End early after",
  "validation.patience_margin": "Share that counts as better",
  seed: "Seed",
  data_seed: "Seed of the data’s order",
};

interface Group {
  title: string;
  about: string;
  names: readonly string[];
}

const last: Group = { title: "More", about: "What has no place above.", names: [] };

/** Which options stand together. */
export const groups: readonly Group[] = [
  { title: "Architecture", about: "The options of the architecture that is chosen above.", names: ["sae"] },
  {
    title: "Learning",
    about: "How the learning rate rises and falls, and Adam’s own numbers.",
    names: ["warmup_steps", "lr_schedule", "decay_share", "gradient_clip", "beta1", "beta2", "eps"],
  },
  {
    title: "Sparsity and dead latents",
    about: "How few latents are active at first, and what brings back those that are never active.",
    names: ["k_start", "k_share", "coefficient_share", "revive", "dead_after_tokens", "resample_every"],
  },
  {
    title: "Data and memory",
    about: "Batches, shuffling, and what is done to activations first.",
    names: ["batch_size", "accumulate", "buffer_tokens", "normalisation", "b_dec_start", "precision"],
  },
  {
    title: "Checkpoints and validation",
    about: "What is kept while it trains, and tokens that never train.",
    names: ["checkpoint_every", "keep_checkpoints", "log_every", "validation"],
  },
  { title: "Randomness", about: "The same seeds make the same SAE.", names: ["seed", "data_seed"] },
  last,
];

/** Where an option stands; one that nobody has placed yet comes last. */
export function groupOf(name: string): Group {
  return groups.find(({ names }) => names.includes(name)) ?? last;
}

/** What an empty field means. */
export const whenEmpty: Readonly<Record<string, string>> = {
  "sae.d_sae": "expansion × width",
  "sae.coefficient": "found while it trains",
  gradient_clip: "no clipping",
  dead_after_tokens: "an eighth of the run",
  k_start: "k from the beginning",
  resample_every: "as many as make a latent dead",
  checkpoint_every: "a tenth of the run",
  "validation.validate_every": "never",
  "validation.patience": "never",
  data_seed: "the seed",
};

export const units: Readonly<Record<string, string>> = {
  batch_size: "tokens",
  buffer_tokens: "tokens",
  warmup_steps: "steps",
  dead_after_tokens: "tokens",
  resample_every: "steps",
  log_every: "steps",
  checkpoint_every: "steps",
  "validation.validate_every": "steps",
  "validation.validation_tokens": "tokens",
  "validation.patience": "measurements",
};
