/** What the options of a training are called, by their paths. */
export const labels: Readonly<Record<string, string>> = {
  sae: "The SAE",
  "sae.k": "Active latents",
  "sae.expansion": "Expansion",
  "sae.d_sae": "Latents in all",
  "sae.aux_k": "Dead latents that help (AuxK)",
  "sae.aux_coefficient": "Weight of the AuxK loss",
  "sae.threshold_decay": "Decay of the threshold",
  "sae.prefix_shares": "Shares that explain alone",
  "sae.coefficient": "Weight of the penalty",
  "sae.penalty": "Penalty",
  "sae.bandwidth": "Width of the band",
  "sae.tanh_scale": "Steepness of tanh",
  "sae.decoder_norm": "Norm of the decoder rows",
  tokens: "Training tokens",
  batch_size: "Batch size",
  buffer_tokens: "Shuffle buffer",
  lr: "Learning rate",
  warmup_steps: "Warm-up",
  decay_share: "Share of the steps that decay",
  beta1: "Adam β₁",
  beta2: "Adam β₂",
  eps: "Adam ε",
  gradient_clip: "Largest gradient norm",
  b_dec_start: "Decoder bias starts from",
  dead_after_tokens: "Dead after",
  log_every: "Log every",
  checkpoint_every: "Checkpoint every",
};

/** What an empty field means. */
export const whenEmpty: Readonly<Record<string, string>> = {
  "sae.d_sae": "expansion × width",
  "sae.coefficient": "found while it trains",
  gradient_clip: "no clipping",
  dead_after_tokens: "an eighth of the run",
};

export const units: Readonly<Record<string, string>> = {
  batch_size: "tokens",
  buffer_tokens: "tokens",
  warmup_steps: "steps",
  dead_after_tokens: "tokens",
  log_every: "steps",
  checkpoint_every: "steps",
};
