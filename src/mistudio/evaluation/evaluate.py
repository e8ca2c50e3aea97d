"""Evaluate an SAE on held-out text.

1. Spread the contexts evenly over the split, so that no single document decides.
2. First pass, stopping at the hook point: reconstruct every kept token: FVU, cosine, L0, densities, mean activation.
3. Second pass over fewer contexts: cross-entropies with the SAE, zeros and the mean spliced in (`splice.py`).
4. Without text: how close the decoder's rows lie to each other, and to those of another SAE (`decoder.py`).

Tokens that the filter excludes (BOS, special, massive) are counted, are part of no number of the first pass, and keep
their own activation in the second. Writes nothing.

B tokens in a batch, D d_in.
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Sequence
from typing import Any

import torch

from mistudio.activations.block import parts_of
from mistudio.activations.calibration import calibrate_points, check_fit
from mistudio.activations.config import Split
from mistudio.activations.outliers import JointFilter, TokenFilter
from mistudio.corpora.tokens import Tokens
from mistudio.errors import ArtifactBroken, EmptyCorpus, ShapeError
from mistudio.evaluation.config import EvaluateConfig
from mistudio.evaluation.decoder import decoder_cosines, stability
from mistudio.evaluation.definitions import DENSITY_EDGES_LOG10
from mistudio.evaluation.metrics import LatentUse, Reconstruction, density_counts
from mistudio.evaluation.result import DensityHistogram, Evaluation, Exclusion
from mistudio.evaluation.splice import SpliceLosses, splice_losses
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.hooks import width_of
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.partial_forward import run_until
from mistudio.progress import Progress, Silent
from mistudio.sae.sparse_autoencoder import SparseAutoencoder

_OUTLIER_MULTIPLE = 10.0
"""Of the median norm: above it a token is left out where the SAE does not say what it was trained without."""


def evaluate(
    sae: SparseAutoencoder,
    lm: LanguageModel,
    tokens: Tokens,
    config: EvaluateConfig | None = None,
    *,
    filter: TokenFilter | JointFilter | None = None,  # noqa: A002  the word of the whole interface
    against: SparseAutoencoder | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure how well an SAE stands in for the activations it was trained on, or a transcoder for its target.

    Args:
        sae: takes raw activations of `sae.hook`; a copy is used where the model is on another device.
        tokens: text tokenized for the same model.
        filter: which tokens are left out; where None, those that were left out when the SAE was trained, or, where
            it does not say, special tokens and those above ten times the median norm, measured on the same split.
        against: another SAE of the same activations, such as one of another seed: say how far it has the same latents.

    Raises:
        ShapeError: the SAE does not fit the model's hook point, or the other SAE is of another width.
        ArtifactBroken: a number that was measured is not finite, or a decoder holds NaN or infinity.
        HookMissing: the model has no such hook point.
        BadInput: the tokens are not of this model's vocabulary, or lie in contexts that are too long for it.
        EmptyCorpus: the split holds no context, or no token is kept.
        Interrupted: `progress` asked to stop; nothing is kept.
    """
    config = config or EvaluateConfig()
    progress = progress or Silent()
    _check_fit(sae, lm, tokens)
    alike = _compare(sae, against)
    if sae.W_enc_FD.device != lm.device:
        sae = copy.deepcopy(sae).to(lm.device)
    rows = tokens.rows(config.split)
    if len(rows) == 0:
        raise EmptyCorpus(
            f"The tokens hold no context of the split {config.split!r}.",
            remedy="Tokenize a corpus with --held-out, or evaluate on --split train.",
        )
    token_filter = filter or filter_of(sae, lm, tokens, config.split, progress)
    contexts = spread(rows, math.ceil(config.max_tokens / tokens.context_length))
    read = _reconstruct(sae, lm, tokens, contexts, token_filter, config, progress)
    if read.reconstruction.tokens == 0:
        raise EmptyCorpus(f"The token filter excludes all {read.tokens} tokens of the split {config.split!r}.")
    losses = None
    if config.splice_contexts:
        losses = splice_losses(
            sae,
            lm,
            tokens,
            spread(rows, config.splice_contexts),
            token_filter=token_filter,
            mean_D=read.reconstruction.mean.float(),
            batch_contexts=config.batch_contexts,
            progress=progress,
        )
    return _report(sae, lm, tokens, config, token_filter, read, losses, alike)


def spread(rows: Sequence[int], wanted: int) -> list[int]:
    """At most `wanted` of `rows`, evenly spread over them, in order."""
    if wanted >= len(rows):
        return list(rows)
    return [rows[int((2 * i + 1) * len(rows) / (2 * wanted))] for i in range(wanted)]


def filter_of(
    sae: SparseAutoencoder, lm: LanguageModel, tokens: Tokens, split: Split, progress: Progress
) -> TokenFilter | JointFilter:
    """The token filter that the SAE was trained with; where it does not say, one calibrated on the split."""
    described = sae.metadata.get("token_filter")
    parts = parts_of(dict(zip(sae.hooks, (sae.d_in, sae.d_out), strict=False)))
    if isinstance(described, dict):
        several = sae.transcodes and "hooks" in described
        return JointFilter.from_description(described, parts) if several else TokenFilter.from_description(described)
    points = [HookPoint.parse(hook) for hook in sae.hooks]
    found = calibrate_points(
        lm, tokens, points, split=split, exclude_special=True, multiple=_OUTLIER_MULTIPLE, progress=progress
    )
    if not sae.transcodes:
        return found[points[0]].filter
    return JointFilter(tuple((part, found[point].filter) for part, point in zip(parts, points, strict=True)))


class _FirstPass:
    """The sums of the first pass, and the counts of what was left out."""

    def __init__(self, d_sae: int) -> None:
        self.reconstruction = Reconstruction()
        self.use = LatentUse(d_sae)
        self.tokens = self.special = self.massive = 0


@torch.inference_mode()
def _reconstruct(
    sae: SparseAutoencoder,
    lm: LanguageModel,
    tokens: Tokens,
    contexts: Sequence[int],
    token_filter: TokenFilter | JointFilter,
    config: EvaluateConfig,
    progress: Progress,
) -> _FirstPass:
    read = _FirstPass(sae.d_sae)
    points = [HookPoint.parse(hook) for hook in sae.hooks]
    for start in range(0, len(contexts), config.batch_contexts):
        progress.checkpoint()
        ids_CT = torch.from_numpy(tokens.contexts(contexts[start : start + config.batch_contexts])).to(lm.device)
        acts = run_until(lm, ids_CT, points)
        ids_B, acts_BD = ids_CT.flatten(), torch.cat([acts[point].flatten(0, 1) for point in points], 1).float()
        verdict = token_filter.judge(ids_B, acts_BD)
        read.tokens += len(ids_B)
        read.special += verdict.special
        read.massive += verdict.massive
        kept_BD = acts_BD[verdict.keep_B]
        read_BD = kept_BD[:, : sae.d_in]
        code = sae.encode_sparse(read_BD)
        read.use.update(code)
        read.reconstruction.update(kept_BD[:, -sae.d_out :], sae.decode_sparse(code, read_BD))
        progress.advance("reconstruct", start + len(ids_CT), len(contexts), fvu=read.reconstruction.fvu)
    return read


def _check_fit(sae: SparseAutoencoder, lm: LanguageModel, tokens: Tokens) -> None:
    for verb, hook, wanted in (("reads", sae.hook, sae.d_in), ("writes", sae.hook_out, sae.d_out)):
        width = width_of(lm, HookPoint.parse(hook))
        if width != wanted:
            raise ShapeError(f"The SAE {verb} {wanted} dimensions, and {hook} of {lm.name} has {width}.")
    check_fit(lm, tokens)


def _report(
    sae: SparseAutoencoder,
    lm: LanguageModel,
    tokens: Tokens,
    config: EvaluateConfig,
    token_filter: TokenFilter | JointFilter,
    read: _FirstPass,
    losses: SpliceLosses | None,
    alike: dict[str, Any],
) -> Evaluation:
    cosines = decoder_cosines(sae.W_dec_FD)
    density = density_counts(read.use.density)
    evaluation = Evaluation(
        model=lm.identity(),
        sae=sae_identity(sae),
        text=tokens.artifact.as_input().model_dump(mode="json"),
        config=config,
        tokens=read.reconstruction.tokens,
        tokens_read=read.tokens,
        predictions=losses.predictions if losses else 0,
        excluded=Exclusion(
            rule=token_filter.describe(),
            special=read.special,
            massive=read.massive,
            kept_in_splice=losses.left_alone if losses else 0,
        ),
        fvu=read.reconstruction.fvu,
        cosine=read.reconstruction.cosine,
        norm_ratio=read.reconstruction.norm_ratio,
        l0=read.use.l0,
        dead_share=read.use.dead_share,
        density_histogram=DensityHistogram(edges_log10=DENSITY_EDGES_LOG10, counts=density.counts, never=density.never),
        decoder_cosine=cosines.median,
        decoder_cosine_quantiles=cosines,
        **_loss_numbers(losses),
        **alike,
    )
    for name, value in evaluation.numbers().items():
        if not math.isfinite(value):
            raise ArtifactBroken(
                f"{name} is not a finite number on {evaluation.tokens:,} tokens: the SAE or the model holds NaN.",
                remedy="Evaluate on more text; if that does not help, train the SAE again with a lower learning rate.",
            )
    return evaluation


def _compare(sae: SparseAutoencoder, against: SparseAutoencoder | None) -> dict[str, Any]:
    if against is None:
        return {}
    found = stability(sae.W_dec_FD, against.W_dec_FD)
    decoder = hashlib.sha256(against.W_dec_FD.cpu().numpy().tobytes()).hexdigest()
    identity = sae_identity(against) | {"decoder_sha256": decoder}
    return {"against": identity, "stability_cosine": found.cosine, "stability_mcc": found.mcc}


def _loss_numbers(losses: SpliceLosses | None) -> dict[str, float | None]:
    if losses is None:
        return {}
    return {
        "ce_model": losses.ce_model,
        "ce_spliced": losses.ce_spliced,
        "ce_zero": losses.ce_zero,
        "ce_mean": losses.ce_mean,
        "ce_increase": losses.ce_spliced - losses.ce_model,
        "loss_recovered_zero": losses.recovered(losses.ce_zero),
        "loss_recovered_mean": losses.recovered(losses.ce_mean),
        "kl": losses.kl,
    }


def sae_identity(sae: SparseAutoencoder) -> dict[str, Any]:
    """What an evaluation says about the SAE that it is of: hook point, model, configuration."""
    target = {"hook_out": sae.hook_out} if sae.transcodes else {}
    return {"hook": sae.hook, **target, "model_name": sae.model_name, "config": sae.config.model_dump(mode="json")}
