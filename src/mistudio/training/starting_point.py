"""Where training starts: what is done to the activations, and the decoder bias, both from a sample.

B tokens, D d_in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.training.config import TrainConfig
from mistudio.training.normalisation import NORMALISATIONS, Normalisation, NormalisationName
from mistudio.training.pair import PairScale

_PREFIX = "normalisation."


class StartingPoint(NamedTuple):
    """What is done to the activations, and their centre."""

    normalisation: Normalisation
    """Folded into the weights when the SAE is saved."""
    centre_D: Float[Tensor, " D"]
    """Geometric median or mean of the normalised activations; a transcoder's of its targets."""

    @property
    def d_in(self) -> int:
        """Width of what is read."""
        return self.normalisation.d_in or len(self.centre_D)

    @classmethod
    def of_checkpoint(cls, tensors: Mapping[str, Tensor], config: TrainConfig) -> StartingPoint:
        """What a run started from, as far as its state (see `TrainingRun.state`) does not replace it."""
        own = {key.removeprefix(_PREFIX): tensor for key, tensor in tensors.items() if key.startswith(_PREFIX)}
        kind = NORMALISATIONS[config.normalisation] if config.sae.target is None else PairScale
        return cls(kind.restored(own), tensors["weights.b_dec_D"])

    @staticmethod
    def state(normalisation: Normalisation) -> dict[str, Tensor]:
        """What `of_checkpoint` needs beside the weights."""
        return {f"{_PREFIX}{name}": tensor for name, tensor in normalisation.tensors().items()}


def start_of(config: TrainConfig, sample_BC: Float[Tensor, "B C"], d_in: int) -> StartingPoint:
    """Where a run starts, from a sample of its columns, of which a transcoder's encoder reads the first `d_in`."""
    if config.sae.target is not None:
        return starting_pair(sample_BC, d_in, config.b_dec_start)
    return starting_point(sample_BC, config.b_dec_start, config.normalisation)


def starting_point(
    sample_BD: Float[Tensor, "B D"],
    kind: Literal["geometric_median", "mean"],
    normalisation: NormalisationName = "scale",
) -> StartingPoint:
    """Normalisation and centre of a sample.

    Raises:
        BadInput: the sample is not finite, or has nothing to whiten.
        EmptyCorpus: it holds nothing but zeros.
    """
    sample_BD = sample_BD.float()
    chosen = NORMALISATIONS[normalisation].of(sample_BD)
    normal_BD = chosen.apply(sample_BD)
    return StartingPoint(chosen, normal_BD.mean(0) if kind == "mean" else geometric_median(normal_BD))


def starting_pair(
    sample_BC: Float[Tensor, "B C"], d_in: int, kind: Literal["geometric_median", "mean"]
) -> StartingPoint:
    """Scales and centres of a sample of inputs, the first `d_in` columns, and targets.

    Raises:
        BadInput: the sample is not finite.
        EmptyCorpus: one of the two holds nothing but zeros.
    """
    sample_BC = sample_BC.float()
    pair = PairScale.of_sides(sample_BC[:, :d_in], sample_BC[:, d_in:])
    targets_BE = pair.apply(sample_BC)[:, d_in:]
    return StartingPoint(pair, targets_BE.mean(0) if kind == "mean" else geometric_median(targets_BE))


def geometric_median(points_BD: Float[Tensor, "B D"], *, iterations: int = 100, tolerance: float = 1e-6) -> Tensor:
    """The point with the least mean distance to all points, by Weiszfeld's algorithm (Weiszfeld 1937)."""
    centre_D = points_BD.mean(0)
    for _ in range(iterations):
        weights_B: Tensor = 1.0 / (points_BD - centre_D).norm(dim=1).clamp_min(1e-8)
        moved_D: Tensor = weights_B @ points_BD / weights_B.sum()
        if torch.linalg.vector_norm(moved_D - centre_D) <= tolerance * torch.linalg.vector_norm(centre_D):
            return moved_D
        centre_D = moved_D
    return centre_D
