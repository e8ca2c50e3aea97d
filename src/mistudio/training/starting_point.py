"""Where training starts: what is done to the activations, and the decoder bias, both from a sample.

B tokens, D d_in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.training.normalisation import NORMALISATIONS, Normalisation, NormalisationName

_PREFIX = "normalisation."


class StartingPoint(NamedTuple):
    """What is done to the activations, and their centre."""

    normalisation: Normalisation
    """Folded into the weights when the SAE is saved."""
    centre_D: Float[Tensor, " D"]
    """Geometric median or mean of the normalised activations."""

    @classmethod
    def of_checkpoint(cls, tensors: Mapping[str, Tensor], name: NormalisationName) -> StartingPoint:
        """What a run started from, as far as its state (see `TrainingRun.state`) does not replace it."""
        own = {key.removeprefix(_PREFIX): tensor for key, tensor in tensors.items() if key.startswith(_PREFIX)}
        return cls(NORMALISATIONS[name].restored(own), tensors["weights.b_dec_D"])

    @staticmethod
    def state(normalisation: Normalisation) -> dict[str, Tensor]:
        """What `of_checkpoint` needs beside the weights."""
        return {f"{_PREFIX}{name}": tensor for name, tensor in normalisation.tensors().items()}


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
