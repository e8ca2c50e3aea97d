import type { Kind } from "./queries";

/** What each kind is for, and where it is used. */
export const kinds: Record<Kind, { title: string; meaning: string; use: string; schema: string }> = {
  training: {
    title: "Training",
    meaning: "How an SAE is trained: its size, how many latents are active, how long.",
    use: "/training/new",
    schema: "TrainingConfiguration",
  },
  extraction: {
    title: "Extraction",
    meaning: "How activations are recorded and features found.",
    use: "/saes",
    schema: "ExtractionConfiguration",
  },
  steering: {
    title: "Steering",
    meaning: "Which latents are turned, how far, and how the model writes.",
    use: "/steering",
    schema: "SteeringConfiguration",
  },
  prompt: {
    title: "Prompts",
    meaning: "Texts to continue, for experiments that can be repeated.",
    use: "/steering",
    schema: "PromptConfiguration",
  },
};

export const order: readonly Kind[] = ["training", "extraction", "steering", "prompt"];
