/** What each kind of job is called. */
export const kinds: Record<string, string> = {
  dataset_add: "Add data set",
  dataset_tokenize: "Tokenize",
  model_add: "Add model",
  trace: "Record activations",
  train: "Train an SAE",
  finalize: "Make an SAE from a checkpoint",
  evaluate: "Evaluate",
  probe: "Probe",
  find: "Find features",
  delete: "Delete",
  demo: "Demo",
};
