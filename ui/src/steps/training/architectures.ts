/** The architectures that can be trained, in words for somebody who chooses one. */
export const architectures: Readonly<Record<string, { name: string; about: string }>> = {
  topk: { name: "TopK", about: "Every token has exactly as many active latents as you ask for. A good first choice." },
  batchtopk: {
    name: "BatchTopK",
    about:
      "As many active latents on average: tokens with much in them have more, others fewer. Usually the better SAE. It is saved as a JumpReLU SAE.",
  },
};
