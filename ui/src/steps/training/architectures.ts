/** The architectures that can be trained, in words for somebody who chooses one. */
export const architectures: Readonly<Record<string, { name: string; about: string }>> = {
  topk: { name: "TopK", about: "Every token has exactly as many active latents as you ask for. A good first choice." },
  batchtopk: {
    name: "BatchTopK",
    about:
      "As many active latents on average: tokens with much in them have more, others fewer. Usually the better SAE. It is saved as a JumpReLU SAE.",
  },
  matryoshka: {
    name: "Matryoshka",
    about:
      "BatchTopK whose first latents must explain the text by themselves, so that general features stay whole and details come later. It costs some accuracy.",
  },
  jumprelu: {
    name: "JumpReLU",
    about:
      "Each latent learns how strong it must be before it counts. As accurate as BatchTopK, with as many active latents on average as you ask for.",
  },
  gated: {
    name: "Gated",
    about:
      "One part decides which latents are active, another how strongly. Older; the sparsity that you ask for is found while it trains.",
  },
  standard: {
    name: "Standard (L1)",
    about:
      "The first kind of SAE: active latents cost something. It makes them weaker than they are; choose it to compare with older work.",
  },
};
