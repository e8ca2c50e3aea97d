const doing: Record<string, string> = {
  delete: "Deleting",
  encode: "Encoding the text",
  generate: "Generating",
  "fit probes": "Fitting probes",
  "logit lens": "Computing the logit lens",
  read: "Reading texts",
  reconstruct: "Reconstructing",
  record: "Recording",
  sort: "Sorting activations",
  splice: "Running the model with the SAE",
  tokenize: "Tokenizing",
  train: "Training",
};

/** A stage of a job, as the library names it, for people. */
export function stageInWords(stage: string): string {
  return doing[stage] ?? stage.charAt(0).toUpperCase() + stage.slice(1);
}

const counted: Record<string, string> = {
  "count tokens": "activations",
  "fill the buffer": "activations",
  generate: "tokens",
  "index tokens": "activations",
  "logit lens": "latents",
  "measure norms": "contexts",
  "fit probes": "probes",
  read: "texts",
  reconstruct: "contexts",
  sort: "activations",
  splice: "contexts",
};

/** What a stage counts, also of one inside another: `features: encode`. */
export function unitOf(stage: string | null): string | undefined {
  if (stage === null) return undefined;
  const known = counted[stage.split(": ").at(-1) ?? ""];
  if (known !== undefined) return known;
  if (/train|record|encode|token/i.test(stage)) return "tokens";
  if (/document/i.test(stage)) return "documents";
  return undefined;
}
