"""Which tokens each latent makes more and less likely, as far as its decoder row alone can tell.

1. Take the decoder rows some latents at a time, and carry them through the model's final norm and unembedding
   (`language_models.unembedding` says how the norm is handled).
2. Keep the tokens of the largest and of the smallest logits.

A heuristic: it leaves out every layer between the hook point and the end.

F latents, D d_model, V vocabulary, N tokens kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.features.token_logits import COLUMNS, TokenLogits
from mistudio.language_models.unembedding import Unembedding
from mistudio.progress import Progress


def statement(unembedding: Unembedding) -> str:
    """How the numbers came about, in words, for the manifest."""
    norm = "no final norm" if unembedding.norm is None else f"the gain of the final {type(unembedding.norm).__name__}"
    centred = ", its centring" if unembedding.centred else ""
    return (
        f"Decoder rows through {norm}{centred} and the unembedding; the norm's scale and bias, and every layer between "
        "the hook point and the end, are left out."
    )


@torch.inference_mode()
def look(
    directions_FD: Float[Tensor, "F D"],
    unembedding: Unembedding,
    n_tokens: int,
    latents_at_once: int,
    progress: Progress,
) -> TokenLogits:
    """The logit lens of every decoder row.

    Args:
        n_tokens: kept of each end.
        latents_at_once: bounds the memory to as many rows of logits.

    Raises:
        Interrupted: `progress` asked to stop.
    """
    parts: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for first, logits_FV in unembedding.slices(directions_FD, latents_at_once):
        for name, largest in (("promoted", True), ("suppressed", False)):
            values_FN, ids_FN = logits_FV.topk(min(n_tokens, logits_FV.shape[1]), dim=-1, largest=largest)
            parts[name].append(values_FN.cpu().numpy())
            parts[f"{name}_ids"].append(ids_FN.cpu().numpy().astype(np.int32))
        progress.advance("logit lens", first + len(logits_FV), len(directions_FD))
        progress.checkpoint()
    return TokenLogits(**{name: np.concatenate(arrays) for name, arrays in parts.items()})
