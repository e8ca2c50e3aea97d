"""Templates that every studio begins with; once in the life of a database, so that a deleted one stays away."""

from __future__ import annotations

from typing import Any

TEMPLATES: tuple[dict[str, Any], ...] = (
    {
        "kind": "training",
        "name": "Quick look",
        "description": "A small SAE, to see that everything works: its features are coarse, and it takes minutes.",
        "config": {"train": {"sae": {"architecture": "topk", "k": 32, "expansion": 4.0}, "tokens": 500_000}},
    },
    {
        "kind": "training",
        "name": "Balanced",
        "description": "A good SAE for most questions: eight features per dimension of the model, 32 of them active on "
        "each token.",
        "config": {"train": {"sae": {"architecture": "topk", "k": 32, "expansion": 8.0}, "tokens": 4_000_000}},
    },
    {
        "kind": "training",
        "name": "Thorough",
        "description": "Finer features, and more of the model's activity explained. It takes ten times as long as "
        "Balanced, and wants several million tokens of text.",
        "config": {"train": {"sae": {"architecture": "topk", "k": 64, "expansion": 16.0}, "tokens": 20_000_000}},
    },
    {
        "kind": "training",
        "name": "TopK",
        "description": "Every token has exactly 32 active latents. The plainest architecture, and a good first choice.",
        "config": {"train": {"sae": {"architecture": "topk", "k": 32, "expansion": 8.0}, "tokens": 4_000_000}},
    },
    {
        "kind": "training",
        "name": "BatchTopK",
        "description": "32 active latents on average: tokens with much in them have more, others fewer. "
        "Usually better than TopK at the same number.",
        "config": {"train": {"sae": {"architecture": "batchtopk", "k": 32, "expansion": 8.0}, "tokens": 4_000_000}},
    },
    {
        "kind": "training",
        "name": "Matryoshka",
        "description": "BatchTopK whose first latents must explain the text by themselves: general features "
        "stay whole. It costs some accuracy.",
        "config": {"train": {"sae": {"architecture": "matryoshka", "k": 32, "expansion": 8.0}, "tokens": 4_000_000}},
    },
    {
        "kind": "training",
        "name": "JumpReLU",
        "description": "Each latent learns how strong it must be before it counts; 32 of them on average. As "
        "accurate as BatchTopK, and each latent decides for itself.",
        "config": {"train": {"sae": {"architecture": "jumprelu", "k": 32, "expansion": 8.0}, "tokens": 4_000_000}},
    },
    {
        "kind": "training",
        "name": "Gated",
        "description": "One part decides which latents are active, another how strongly. To compare with work "
        "that uses it; the penalty that gives 32 active latents is found while it trains.",
        "config": {"train": {"sae": {"architecture": "gated", "k": 32, "expansion": 8.0}, "tokens": 4_000_000}},
    },
    {
        "kind": "training",
        "name": "Standard (L1)",
        "description": "The first kind of SAE: active latents cost something, which also makes them weaker "
        "than they are. To compare with older work; the penalty that gives 32 active latents is "
        "found while it trains.",
        "config": {"train": {"sae": {"architecture": "standard", "k": 32, "expansion": 8.0}, "tokens": 4_000_000}},
    },
    {
        "kind": "extraction",
        "name": "Quick look",
        "description": "The first 200,000 tokens: common features appear, rare ones may have no example yet.",
        "config": {"find": {"max_tokens": 200_000}},
    },
    {
        "kind": "extraction",
        "name": "All of the text",
        "description": "Every token, with twenty promoted and suppressed tokens for each feature.",
        "config": {"find": {"logits": 20}},
    },
    {
        "kind": "prompt",
        "name": "Openings",
        "description": "Beginnings that can go on in many ways, so that steering shows.",
        "config": {
            "prompts": [
                "The most important thing to understand about",
                "Last summer my family and I",
                "The scientists were surprised to find that",
                "I opened the door and saw",
            ]
        },
    },
)
