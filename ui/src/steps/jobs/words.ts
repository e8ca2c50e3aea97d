/** What each kind of job is called. */
export const kinds: Record<string, string> = {
  dataset_add: "Add data set",
  dataset_tokenize: "Tokenize",
  model_add: "Add model",
  trace: "Record activations",
  train: "Train an SAE",
  evaluate: "Evaluate",
  find: "Find features",
  delete: "Delete",
  demo: "Demo",
};

/** What a stage counts; stages that count something else say it in their own name. */
export function unitOf(stage: string | null): string | undefined {
  if (stage === null) return undefined;
  if (/train|record|encode|token/i.test(stage)) return "tokens";
  if (/document/i.test(stage)) return "documents";
  return undefined;
}
