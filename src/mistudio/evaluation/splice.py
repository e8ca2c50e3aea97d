"""What the model loses when a hook point carries the SAE's reconstruction, zeros or the mean in place of its values.

1. Run the untouched model on a batch of contexts and keep its logits.
2. Run it again with each replacement put in at the hook point; excluded tokens keep their own activation.
3. Compare next-token losses, and for the SAE also the distributions.

A transcoder's output takes the place of its target: what it reads is read earlier in the same forward pass.

The model's own forward pass makes the logits, so that soft-capping and scaling are those of its family. Memory is
bounded by two sets of logits of a few contexts; losses are taken over a slice of tokens at a time.

B tokens in a batch, C contexts, T positions in a context, D d_in, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mistudio.activations.outliers import JointFilter, TokenFilter
from mistudio.corpora.tokens import Tokens
from mistudio.errors import BadInput
from mistudio.evaluation.metrics import cross_entropy, kl_divergence, loss_recovered
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.hooks import edit
from mistudio.language_models.loading import LanguageModel
from mistudio.progress import Progress, Silent
from mistudio.sae.sparse_autoencoder import SparseAutoencoder

_LOGIT_BYTES = 2**28
"""Size of a batch's logits."""
_SLICE_ELEMENTS = 2**20
"""Logits per slice of the losses: 4 MB in float32, which stay in cache and are much faster than one large block."""

Replacement = Callable[[Float[Tensor, "B D"]], Float[Tensor, "B D"]]
"""What a batch of activations is replaced by; takes what the SAE reads, and returns what it writes, in float32."""


@dataclass(frozen=True)
class SpliceLosses:
    """Mean losses in nats per predicted token; defined in `METRICS` under the same names."""

    predictions: int
    left_alone: int
    """Tokens that kept their own activation in every run."""
    ce_model: float
    ce_spliced: float
    ce_zero: float
    ce_mean: float
    kl: float

    def recovered(self, ce_ablated: float) -> float | None:
        """Loss recovered against an ablation; None where that ablation does no damage."""
        return loss_recovered(ce_model=self.ce_model, ce_spliced=self.ce_spliced, ce_ablated=ce_ablated)


def splice_losses(
    sae: SparseAutoencoder,
    lm: LanguageModel,
    tokens: Tokens,
    contexts: Sequence[int],
    *,
    token_filter: TokenFilter | JointFilter,
    mean_D: Float[Tensor, " D"],
    batch_contexts: int = 8,
    progress: Progress | None = None,
) -> SpliceLosses:
    """Measure the model's next-token loss with four contents of the SAE's hook point.

    Args:
        contexts: which contexts of `tokens`; every token that follows another one in its context is predicted.
        token_filter: tokens that it does not keep keep their own activation in every run.
        mean_D: what mean-ablation puts in.

    Raises:
        HookMissing: the hook did not see every token.
        Interrupted: `progress` asked to stop; nothing is kept.
    """
    progress = progress or Silent()
    point = HookPoint.parse(sae.hook_out)
    read = HookPoint.parse(sae.hook) if sae.transcodes else None
    replacements: dict[str, Replacement] = {
        "ce_spliced": sae,
        "ce_zero": lambda x_BD: x_BD.new_zeros((len(x_BD), sae.d_out)),
        "ce_mean": lambda x_BD: mean_D.to(x_BD).expand(len(x_BD), -1),
    }
    sums = dict.fromkeys(("ce_model", *replacements, "kl"), 0.0)
    predictions = left_alone = 0
    per_batch = _contexts_that_fit(lm, tokens.context_length, batch_contexts)
    for start in range(0, len(contexts), per_batch):
        progress.checkpoint()
        ids_CT = torch.from_numpy(tokens.contexts(contexts[start : start + per_batch])).to(lm.device)
        own_CTV = _logits(lm, ids_CT)
        sums["ce_model"] += _summed(cross_entropy, own_CTV[:, :-1], ids_CT[:, 1:])
        for name, replacement in replacements.items():
            spliced = replaced_logits(lm, point, ids_CT, replacement, token_filter, read=read)
            sums[name] += _summed(cross_entropy, spliced.logits_CTV[:, :-1], ids_CT[:, 1:])
            if name == "ce_spliced":
                sums["kl"] += _summed(kl_divergence, own_CTV[:, :-1], spliced.logits_CTV[:, :-1])
                left_alone += spliced.left_alone
            del spliced  # before the next forward pass makes its logits
        predictions += ids_CT[:, 1:].numel()
        progress.advance("splice", start + len(ids_CT), len(contexts), ce=sums["ce_spliced"] / predictions)
    means = {name: total / predictions for name, total in sums.items()}
    return SpliceLosses(predictions, left_alone, **means)


class Spliced(NamedTuple):
    """Logits of a forward pass with a replacement, and how many tokens kept their own activation."""

    logits_CTV: Float[Tensor, "C T V"]
    left_alone: int


def replaced_logits(
    lm: LanguageModel,
    point: HookPoint,
    ids_CT: Int64[Tensor, "C T"],
    replacement: Replacement,
    token_filter: TokenFilter | JointFilter,
    *,
    read: HookPoint | None = None,
) -> Spliced:
    """Run the model with `replacement` in place of the kept tokens' activations at `point`.

    Args:
        read: where what `replacement` takes is read; `point` where None. A joint filter sees both side by side.

    Raises:
        HookMissing: the hook did not see every token.
        BadInput: the model computes `point` before `read`.
    """
    left_alone = 0
    seen: list[Tensor] = []

    def remember(x_CTD: Float[Tensor, "C T D"]) -> Float[Tensor, "C T D"]:
        seen[:] = [x_CTD.flatten(0, 1).clone()]
        return x_CTD

    def replace(x_CTD: Float[Tensor, "C T D"]) -> Float[Tensor, "C T D"]:
        nonlocal left_alone
        x_BD = x_CTD.flatten(0, 1)
        if read is not None and not seen:
            raise BadInput(
                f"The model computes {point} before {read}, so its reconstruction comes too late to be put in.",
                remedy="Evaluate without cross-entropies: --splice-contexts 0.",
            )
        read_BD = seen[0] if read is not None else x_BD
        judged_BD = torch.cat([read_BD, x_BD], 1) if isinstance(token_filter, JointFilter) else read_BD
        keep_B = token_filter.keep(ids_CT.flatten(), judged_BD.float())
        left_alone += int((~keep_B).sum())
        new_BD = x_BD.clone()
        new_BD[keep_B] = replacement(read_BD[keep_B].float()).to(x_BD.dtype)
        return new_BD.view_as(x_CTD)

    with edit(lm, read, remember) if read is not None else nullcontext(), edit(lm, point, replace) as firing:
        logits_CTV = _logits(lm, ids_CT)
    firing.demand(ids_CT.numel())
    return Spliced(logits_CTV, left_alone)


@torch.inference_mode()
def _logits(lm: LanguageModel, ids_CT: Int64[Tensor, "C T"]) -> Float[Tensor, "C T V"]:
    logits: Tensor = lm.module(input_ids=ids_CT, use_cache=False).logits
    return logits


@torch.inference_mode()
def _summed(loss: Callable[[Tensor, Tensor], Tensor], first: Float[Tensor, "C T V"], second: Tensor) -> float:
    """The sum over tokens of a per-token loss, a slice of tokens at a time."""
    rows = max(1, _SLICE_ELEMENTS // first.shape[-1])
    total = 0.0
    for first_TV, second_T in zip(first, second, strict=True):
        for start in range(0, len(first_TV), rows):
            total += float(loss(first_TV[start : start + rows], second_T[start : start + rows]).double().sum())
    return total


def _contexts_that_fit(lm: LanguageModel, context_length: int, wanted: int) -> int:
    return max(1, min(wanted, _LOGIT_BYTES // (context_length * lm.vocab_size * lm.dtype.itemsize)))
