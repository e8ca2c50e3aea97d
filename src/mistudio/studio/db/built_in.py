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
