"""Where training starts: the scale of the activations and the decoder bias, both from a sample.

B tokens, D d_in.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.errors import BadInput, EmptyCorpus
from mistudio.training.pair import PairScale


class StartingPoint(NamedTuple):
    """Scale and centre of the activations."""

    scale: float
    """Factor that brings the mean norm to √d, folded into the weights when the SAE is saved."""
    centre_D: Float[Tensor, " D"]
    """Geometric median or mean of the scaled activations; a transcoder's of its targets."""
    pair: PairScale | None = None
    """What is done to a transcoder's inputs and targets; `scale` is then that of the targets."""


def starting_point(sample_BD: Float[Tensor, "B D"], kind: Literal["geometric_median", "mean"]) -> StartingPoint:
    """Scale and centre of a sample.

    Raises:
        BadInput: the sample is not finite.
        EmptyCorpus: it holds nothing but zeros.
    """
    sample_BD = sample_BD.float()
    mean_norm = float(sample_BD.norm(dim=1).mean())
    if not math.isfinite(mean_norm):
        raise BadInput("Some activations are infinite or undefined.", remedy="Record them with --dtype float32.")
    if mean_norm == 0:
        raise EmptyCorpus("All sampled activations are zero.", remedy="Choose another hook point.")
    scale = sample_BD.shape[1] ** 0.5 / mean_norm
    scaled_BD = sample_BD * scale
    return StartingPoint(scale, scaled_BD.mean(0) if kind == "mean" else geometric_median(scaled_BD))


def starting_pair(
    sample_BC: Float[Tensor, "B C"], d_in: int, kind: Literal["geometric_median", "mean"]
) -> StartingPoint:
    """Scales and centres of a sample of inputs, the first `d_in` columns, and targets.

    Raises:
        BadInput: the sample is not finite.
        EmptyCorpus: one of the two holds nothing but zeros.
    """
    read, write = starting_point(sample_BC[:, :d_in], "mean"), starting_point(sample_BC[:, d_in:], kind)
    pair = PairScale(torch.tensor(read.scale), read.centre_D, torch.tensor(write.scale))
    return StartingPoint(write.scale, write.centre_D, pair)


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
