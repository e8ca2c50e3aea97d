"""Run the model on texts of different lengths, and take means over each.

1. Texts run in batches, padded on the right to the longest; a causal model's tokens see no padding after them.
2. A document is read in pieces, each beginning anew with BOS, so that it never sees another document.
3. Its sample is the mean over its kept tokens: of the activation, and of every latent's activation, zeros included.

B tokens kept, C texts, D d_in, F d_sae, N documents, T positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from mistudio.activations.outliers import TokenFilter
from mistudio.corpora.encode import encode_texts
from mistudio.errors import ArtifactBroken, ShapeError
from mistudio.evaluation.evaluate import spread
from mistudio.evaluation.probing.config import FitConfig, LabelsConfig
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.hooks import width_of
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.partial_forward import run_until
from mistudio.progress import Progress
from mistudio.sae.sparse_autoencoder import SparseAutoencoder


class Batch(NamedTuple):
    """Some texts, run."""

    first: int
    """Number of the first text in it."""
    ids_CT: Int64[Tensor, "C T"]
    real_CT: Bool[Tensor, "C T"]
    """False on padding."""
    x_CTD: Float[Tensor, "C T D"]


class Means(NamedTuple):
    """Documents as samples, on the CPU."""

    x_ND: Float[Tensor, "N D"]
    """Mean activation; zeros where no token was kept."""
    acts_NF: Float[Tensor, "N F"]
    """Mean activation of each latent."""
    tokens_N: Int64[Tensor, " N"]
    """Tokens kept."""


def hook_of(sae: SparseAutoencoder, lm: LanguageModel) -> HookPoint:
    """The SAE's hook point in this model.

    Raises:
        BadInput: it is a transcoder.
        ShapeError: its width is not the SAE's.
        HookMissing: the model has no such point.
    """
    sae.demand_autoencoder("Probing")
    point = HookPoint.parse(sae.hook)
    width = width_of(lm, point)
    if width != sae.d_in:
        raise ShapeError(f"The SAE reads {sae.d_in} dimensions, and {point} of {lm.name} has {width}.")
    return point


def token_filter_of(sae: SparseAutoencoder, lm: LanguageModel) -> TokenFilter:
    """The filter that the SAE was trained with; where it does not say, the model's special tokens are left out."""
    described = sae.metadata.get("token_filter")
    return TokenFilter.from_description(described) if isinstance(described, dict) else TokenFilter(lm.special_ids)


def check_finite(x: Float[Tensor, "N D"], acts: Float[Tensor, "N K"]) -> None:
    """Refuse activations that are no numbers.

    Raises:
        ArtifactBroken: the model or the SAE gave NaN or infinity.
    """
    for name, tensor in (("model's activations", x), ("SAE's latents", acts)):
        if not bool(tensor.isfinite().all()):
            raise ArtifactBroken(
                f"The {name} are not finite numbers.",
                remedy="Load the model with --dtype float32; if that does not help, train the SAE again.",
            )


def run_texts(
    lm: LanguageModel,
    texts: Sequence[Sequence[int]],
    point: HookPoint,
    *,
    batch_contexts: int,
    stage: str,
    progress: Progress,
) -> Iterator[Batch]:
    """Run token ids of any lengths, in their order.

    Raises:
        BadInput: a text is too long for the model.
        HookMissing: the hook did not see every token.
        Interrupted: `progress` asked to stop.
    """
    for first in range(0, len(texts), batch_contexts):
        progress.checkpoint()
        part = texts[first : first + batch_contexts]
        longest = max(map(len, part))
        padded = [[*ids, *[ids[-1]] * (longest - len(ids))] for ids in part]
        ids_CT = torch.tensor(padded, dtype=torch.int64, device=lm.device)
        lengths_C = torch.tensor([len(ids) for ids in part], device=lm.device)
        real_CT = torch.arange(longest, device=lm.device)[None] < lengths_C[:, None]
        mask_CT = None if bool(real_CT.all()) else real_CT.long()
        yield Batch(first, ids_CT, real_CT, run_until(lm, ids_CT, [point], mask_CT)[point])
        progress.advance(stage, first + len(part), len(texts))


@torch.inference_mode()
def document_means(
    sae: SparseAutoencoder,
    lm: LanguageModel,
    texts: Sequence[str],
    config: LabelsConfig,
    fit: FitConfig,
    *,
    token_filter: TokenFilter,
    progress: Progress,
) -> Means:
    """Read documents and take the means of their kept tokens.

    Raises:
        ShapeError, HookMissing: the SAE does not fit the model.
        Interrupted: `progress` asked to stop.
    """
    point = hook_of(sae, lm)
    encoded = encode_texts(lm.tokenizer, list(texts), False)
    pieces = [(n, ids) for n, whole in enumerate(encoded) for ids in _pieces(whole.astype(np.int64), lm, config)]
    x_ND, acts_NF = torch.zeros((len(texts), sae.d_in)), torch.zeros((len(texts), sae.d_sae))
    tokens_N = torch.zeros(len(texts), dtype=torch.int64)
    rows = [ids for _, ids in pieces]
    for batch in run_texts(lm, rows, point, batch_contexts=fit.batch_contexts, stage="read", progress=progress):
        x_CD, acts_CF, kept_C = _sums(sae, batch, token_filter)
        docs_C = torch.tensor([n for n, _ in pieces[batch.first : batch.first + len(x_CD)]])
        x_ND.index_add_(0, docs_C, x_CD.cpu())
        acts_NF.index_add_(0, docs_C, acts_CF.cpu())
        tokens_N.index_add_(0, docs_C, kept_C.cpu())
    check_finite(x_ND, acts_NF)
    over_N1 = tokens_N.clamp(min=1)[:, None]
    return Means(x_ND / over_N1, acts_NF / over_N1, tokens_N)


def _pieces(ids: Int64[np.ndarray, " _"], lm: LanguageModel, config: LabelsConfig) -> list[list[int]]:
    """The parts of a document that are read, each with BOS in front where the model has one."""
    lead = [] if lm.bos_id is None else [lm.bos_id]
    width = min(config.context_length, lm.max_context or config.context_length) - len(lead)
    starts = range(0, len(ids), width)
    wanted = max(1, config.document_tokens // width)
    return [lead + ids[start : start + width].tolist() for start in spread(starts, wanted)]


class _Sums(NamedTuple):
    """Sums over the kept tokens of each text of a batch."""

    x_CD: Float[Tensor, "C D"]
    acts_CF: Float[Tensor, "C F"]
    kept_C: Int64[Tensor, " C"]


def _sums(sae: SparseAutoencoder, batch: Batch, token_filter: TokenFilter) -> _Sums:
    texts, device = len(batch.ids_CT), batch.ids_CT.device
    ids_B, x_BD, text_B = batch.ids_CT[batch.real_CT], batch.x_CTD[batch.real_CT].float(), batch.real_CT.nonzero()[:, 0]
    keep_B = token_filter.keep(ids_B, x_BD)
    x_BD, text_B = x_BD[keep_B], text_B[keep_B]
    code = sae.contributions(x_BD)
    acts = torch.zeros(texts * sae.d_sae, device=device)
    acts.index_add_(0, (text_B[:, None] * sae.d_sae + code.latents_BK).flatten(), code.values_BK.flatten())
    x_CD = torch.zeros((texts, sae.d_in), device=device).index_add_(0, text_B, x_BD)
    return _Sums(x_CD, acts.view(texts, sae.d_sae), torch.bincount(text_B, minlength=texts))
