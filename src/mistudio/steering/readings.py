"""How active the edited latents are on the texts that were written.

The activation at a hook point does not depend on edits made at that hook point: nothing that it is computed from lies
behind it. So one pass of the untouched model over the finished texts gives what the hook saw while they were written,
and the same edits give what it made of that.

C rows, T tokens, B tokens of all rows, D d_in, E latents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.partial_forward import run_until
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.steering.compare import Reading
from mistudio.steering.delta import activations_of
from mistudio.steering.row_edits import RowEdits, RowPlan, not_massive


@torch.inference_mode()
def read_back(
    lm: LanguageModel,
    point: HookPoint,
    plan: RowPlan,
    prompts: Sequence[Sequence[int]],
    written: Sequence[Sequence[int]],
    latents: Sequence[int],
) -> list[tuple[Reading, ...]]:
    """Mean activations of some latents over the tokens that were written, a tuple a row.

    Args:
        prompts: token ids before what was written, one sequence a row.
        written: token ids that were written; special tokens and massive activations among them are not counted.
    """
    length = max(len(prompt) + len(text) for prompt, text in zip(prompts, written, strict=True))
    ids_CT = torch.zeros((len(written), length), dtype=torch.int64)
    counted_CT = torch.zeros_like(ids_CT, dtype=torch.bool)
    for row, (prompt, text) in enumerate(zip(prompts, written, strict=True)):
        end = len(prompt) + len(text)
        ids_CT[row, :end] = torch.tensor([*prompt, *text])
        counted_CT[row, len(prompt) : end] = True
    ids_CT = ids_CT.to(lm.device)
    # Padding on the right of a causal model changes nothing before it, so no mask is needed.
    x_CTD = run_until(lm, ids_CT, [point])[point]
    edited_CTD = RowEdits(plan, ids_CT, torch.ones_like(ids_CT, dtype=torch.bool))(x_CTD)
    special = torch.tensor(sorted(lm.special_ids), dtype=torch.int64, device=lm.device)
    counted_CT = counted_CT.to(lm.device) & ~torch.isin(ids_CT, special) & not_massive(x_CTD, plan.max_norm)
    latents_E = torch.tensor(latents, dtype=torch.int64, device=lm.device)
    text_CE = _means(plan.sae, x_CTD, counted_CT, latents_E)
    steered_CE = _means(plan.sae, edited_CTD, counted_CT, latents_E)
    return [
        tuple(
            Reading(latent=latent, text=_or_none(text_E[index]), steered=_or_none(steered_E[index]))
            for index, latent in enumerate(latents)
        )
        for text_E, steered_E in zip(text_CE.tolist(), steered_CE.tolist(), strict=True)
    ]


def _means(
    sae: SparseAutoencoder,
    x_CTD: Float[Tensor, "C T D"],
    counted_CT: Bool[Tensor, "C T"],
    latents_E: Int64[Tensor, " E"],
) -> Float[Tensor, "C E"]:
    """Mean over the counted tokens of each row; NaN for a row without any."""
    acts_BE = activations_of(sae.encode_sparse(x_CTD[counted_CT].float()), latents_E)
    row_B = counted_CT.nonzero()[:, 0]
    sums_CE = torch.zeros((x_CTD.shape[0], len(latents_E)), device=x_CTD.device).index_add_(0, row_B, acts_BE)
    return sums_CE / counted_CT.sum(1, keepdim=True)


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
