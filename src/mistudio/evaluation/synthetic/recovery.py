"""How much of a ground truth an SAE has found.

1. Match decoder rows with true directions one to one, so that absolute cosines add up to the most.
2. On held-out tokens, ask of every matched latent: does it fire when its feature does, and how strongly?
3. For comparison with published numbers the same of each latent and the feature nearest to it, whatever else that
   feature is near to (SynthSAEBench, arXiv 2602.14687).

`RecoveryMeter` takes batch after batch and holds a few sums a latent; `recovery` runs an SAE through it.

B tokens in a batch, D d_in, F latents, G true features, K active latents, P matched pairs.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from mistudio.config import Config
from mistudio.errors import BadInput, ShapeError
from mistudio.evaluation.matching import MATCHED_ELEMENTS, best_matching, nearest
from mistudio.evaluation.metrics import LatentUse, Reconstruction
from mistudio.evaluation.synthetic.ground_truth import GroundTruth, SyntheticBatch
from mistudio.progress import Progress, Silent
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import SparseCode

RECOVERY_TOKENS = 1 << 17
"""Held-out tokens that recovery is measured on where nothing else is asked for."""


class Recovery(Config):
    """What an SAE has found of known features. Every number is over held-out tokens, or over the decoder alone."""

    tokens: int
    """Held-out tokens."""
    features: int
    """True features."""
    latents: int
    """Latents of the SAE."""
    true_l0: float
    """Mean number of true features that fire on a token."""
    l0: float
    """Mean number of latents that are active on a token."""
    mcc: float
    """Mean absolute cosine of decoder rows and true directions, matched one to one so that it is largest. There are as
    many pairs as the smaller side has members. 1: each has found its own; the field's definition (arXiv 2505.20254)."""
    mcc_signed: float
    """The same with cosines that keep their sign: a latent that points the opposite way counts against it."""
    uniqueness: float
    """Number of true features that are nearest to some latent, by absolute cosine, divided by the number of latents.
    Below 1, several latents track the same feature."""
    precision: float
    """Of the tokens on which a latent is active, the share on which its matched feature fires; 0 for a latent that is
    never active. Mean over matched latents."""
    recall: float
    """Of the tokens on which a feature fires, the share on which its matched latent is active. Mean over matched
    features that fire at all."""
    f1: float
    """Harmonic mean of precision and recall of a pair, 0 where they are; mean over the pairs that recall is over."""
    nearest_precision: float
    """As precision, of every latent and its nearest feature by absolute cosine, shared or not (SynthSAEBench)."""
    nearest_recall: float
    """As recall, of every latent and its nearest feature, 0 where the feature never fires (SynthSAEBench)."""
    nearest_f1: float
    """Harmonic mean of the two, mean over all latents (SynthSAEBench)."""
    shrinkage: float | None
    """Activation times length of the decoder row, divided by the true activation: both summed over the tokens on which
    latent and matched feature are active, mean over the pairs that have such tokens. 1: nothing is shrunk; none where
    no pair has such tokens."""
    dead_share: float
    """Share of all latents that are active on none of the tokens."""
    fvu: float
    """Fraction of variance unexplained: Σ‖x−x̂‖² / Σ‖x−x̄‖²."""
    norm_ratio: float
    """Σ‖x̂‖ / Σ‖x‖."""


class FiringCounts:
    """How often latents fire together with the features that they stand for.

    Args:
        feature_of_F: the feature of each latent; -1 where it stands for none.
        features: true features.
    """

    def __init__(self, feature_of_F: Int64[Tensor, " F"], features: int) -> None:
        self.feature_of_F = feature_of_F
        latents = len(feature_of_F)
        self.active_F = torch.zeros(latents, dtype=torch.int64)
        """Tokens on which each latent is active."""
        self.both_F = torch.zeros(latents, dtype=torch.int64)
        """Tokens on which each latent and its feature are active."""
        self.fires_G = torch.zeros(features, dtype=torch.int64)
        """Tokens on which each feature fires."""
        self._found_F = torch.zeros(latents, dtype=torch.float64)
        self._true_F = torch.zeros(latents, dtype=torch.float64)

    def update(self, true_BG: Float[Tensor, "B G"], code: SparseCode) -> None:
        """Add a batch: the features' activations, and the latents' in units of x."""
        active_BK = code.values_BK != 0
        latents_N, features_N = code.latents_BK[active_BK], self.feature_of_F[code.latents_BK][active_BK]
        tokens_N = active_BK.nonzero()[:, 0]
        true_N = torch.where(features_N >= 0, true_BG[tokens_N, features_N.clamp(min=0)], 0.0)
        both_N = true_N > 0
        self.active_F += torch.bincount(latents_N, minlength=len(self.active_F))
        self.both_F += torch.bincount(latents_N[both_N], minlength=len(self.both_F))
        self.fires_G += (true_BG > 0).sum(0)
        self._found_F.index_add_(0, latents_N[both_N], code.values_BK[active_BK][both_N].double())
        self._true_F.index_add_(0, latents_N[both_N], true_N[both_N].double())

    @property
    def fires_F(self) -> Int64[Tensor, " F"]:
        """Tokens on which each latent's feature fires; 0 where it stands for none."""
        return torch.where(self.feature_of_F >= 0, self.fires_G[self.feature_of_F.clamp(min=0)], 0)

    @property
    def precision_F(self) -> Float64[Tensor, " F"]:
        """Share of a latent's active tokens on which its feature fires; 0 where it is never active."""
        return self.both_F.double() / self.active_F.clamp(min=1)

    @property
    def recall_F(self) -> Float64[Tensor, " F"]:
        """Share of the tokens on which its feature fires that a latent is active on; 0 where there are none."""
        return self.both_F.double() / self.fires_F.clamp(min=1)

    @property
    def f1_F(self) -> Float64[Tensor, " F"]:
        """Harmonic mean of precision and recall: both / the mean of what is active and what fires."""
        return 2 * self.both_F.double() / (self.active_F + self.fires_F).clamp(min=1)

    @property
    def shrinkage_F(self) -> Float64[Tensor, " F"]:
        """Found divided by true activation on common tokens; NaN where there are none."""
        return torch.where(self.both_F > 0, self._found_F / self._true_F, math.nan)


class RecoveryMeter:
    """The sums that recovery is computed from.

    Args:
        truth: the ground truth.
        W_dec_FD: what an activation of 1 of each latent adds to x.

    Raises:
        ShapeError: the decoder writes activations of another width.
        BadInput: there are more than `matching.MATCHED_ELEMENTS` pairs of latents and features.
    """

    def __init__(self, truth: GroundTruth, W_dec_FD: Float[Tensor, "F D"]) -> None:
        if W_dec_FD.shape[1] != truth.config.d_in:
            raise ShapeError(
                f"The SAE writes {W_dec_FD.shape[1]} dimensions, and the synthetic data have {truth.config.d_in}.",
                remedy="Measure an SAE on the synthetic data that it was trained on.",
            )
        if len(W_dec_FD) * truth.config.features > MATCHED_ELEMENTS:
            raise BadInput(
                f"{len(W_dec_FD):,} latents and {truth.config.features:,} features are too many to be matched.",
                remedy=f"Use fewer latents or features: at most {MATCHED_ELEMENTS:,} pairs.",
            )
        self.truth = truth
        self._length_F = W_dec_FD.detach().float().norm(dim=-1).cpu()
        self.matching = best_matching(W_dec_FD, truth.directions_GD)
        self._signed = best_matching(W_dec_FD, truth.directions_GD, signed=True)
        _, self.nearest_F = nearest(W_dec_FD, truth.directions_GD)
        """The feature nearest to each latent by absolute cosine."""
        feature_of_F = torch.full((len(W_dec_FD),), -1)
        feature_of_F[self.matching.rows_P] = self.matching.columns_P
        self.matched = FiringCounts(feature_of_F, truth.config.features)
        """Of matched pairs."""
        self.nearby = FiringCounts(self.nearest_F, truth.config.features)
        """Of each latent and its nearest feature."""
        self._use = LatentUse(len(W_dec_FD))
        self._reconstruction = Reconstruction()

    def update(self, batch: SyntheticBatch, code: SparseCode, x_hat_BD: Float[Tensor, "B D"]) -> None:
        """Add what the SAE made of a batch: its code and its reconstruction."""
        code = SparseCode(code.values_BK.detach().float().cpu(), code.latents_BK.cpu())
        scaled = SparseCode(code.values_BK * self._length_F[code.latents_BK], code.latents_BK)
        true_BG = torch.zeros(len(batch.acts_BD), self.truth.config.features)
        true_BG.scatter_add_(1, batch.code.latents_BK, batch.code.values_BK)
        self.matched.update(true_BG, scaled)
        self.nearby.update(true_BG, scaled)
        self._use.update(code)
        self._reconstruction.update(batch.acts_BD, x_hat_BD.detach().cpu())

    def result(self) -> Recovery:
        """The numbers over all batches so far."""
        tokens, matched, nearby = self._use.tokens, self.matched, self.nearby
        paired_F = matched.feature_of_F >= 0
        asked_F = paired_F & (matched.fires_F > 0)
        shrinkage_P = matched.shrinkage_F[matched.both_F > 0]
        return Recovery(
            tokens=tokens,
            features=self.truth.config.features,
            latents=len(matched.feature_of_F),
            true_l0=int(matched.fires_G.sum()) / max(1, tokens),
            l0=self._use.l0,
            mcc=float(self.matching.cosines_P.abs().mean()),
            mcc_signed=float(self._signed.cosines_P.mean()),
            uniqueness=int((torch.bincount(self.nearest_F) > 0).sum()) / len(self.nearest_F),
            precision=float(matched.precision_F[paired_F].mean()),
            recall=float(matched.recall_F[asked_F].mean()),
            f1=float(matched.f1_F[asked_F].mean()),
            nearest_precision=float(nearby.precision_F.mean()),
            nearest_recall=float(nearby.recall_F.mean()),
            nearest_f1=float(nearby.f1_F.mean()),
            shrinkage=float(shrinkage_P.mean()) if len(shrinkage_P) else None,
            dead_share=self._use.dead_share,
            fvu=self._reconstruction.fvu,
            norm_ratio=self._reconstruction.norm_ratio,
        )


@torch.inference_mode()
def recovery(
    sae: SparseAutoencoder, truth: GroundTruth, *, tokens: int = RECOVERY_TOKENS, progress: Progress | None = None
) -> Recovery:
    """Measure on held-out tokens how much of a ground truth an SAE has found.

    Args:
        sae: takes and gives raw activations of the ground truth.
        tokens: how many, rounded up to whole batches.
        progress: told how far it is, asked between batches whether to stop.

    Raises:
        ShapeError: the SAE is of another width.
        Interrupted: `progress` asked to stop.
    """
    progress = progress or Silent()
    meter, device = RecoveryMeter(truth, sae.W_dec_FD), sae.W_dec_FD.device
    batches = math.ceil(tokens / truth.config.batch_tokens)
    for number in range(batches):
        progress.checkpoint()
        batch = truth.batch(number, "held_out")
        acts_BD = batch.acts_BD.to(device)
        meter.update(batch, sae.contributions(acts_BD), sae(acts_BD))
        progress.advance("recover", number + 1, batches)
    return meter.result()
