"""The directions of features: random, then pushed apart.

The sum of squared cosines Σ_{i≠j}(d_i·d_j)² has the gradient 4(D(DᵀD))_i − 4d_i on unit vectors, so that a step costs
two products with the small matrix DᵀD instead of all pairs of features, and no more memory than the directions take.
Adam along the sphere, then back to length 1.

G features, D d_in.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def random_directions(features: int, d_in: int, generator: np.random.Generator) -> Float[Tensor, "G D"]:
    """Unit vectors, uniform on the sphere."""
    drawn_GD = torch.from_numpy(generator.standard_normal((features, d_in), dtype=np.float32))
    return torch.nn.functional.normalize(drawn_GD, dim=-1)


def pushed_apart(directions_GD: Float[Tensor, "G D"], *, steps: int, rate: float) -> Float[Tensor, "G D"]:
    """The directions after `steps` steps that make their squared cosines smaller; of length 1.

    Args:
        rate: Adam's learning rate: about how far a coordinate moves in a step.
    """
    moved_GD = directions_GD.clone()
    adam = torch.optim.Adam([moved_GD], lr=rate)
    for _ in range(steps):
        gradient_GD = crowding_gradient(moved_GD)
        # Without what would only change lengths, which is most of it and would make Adam's steps small.
        moved_GD.grad = gradient_GD - (gradient_GD * moved_GD).sum(-1, keepdim=True) * moved_GD
        adam.step()
        moved_GD.copy_(torch.nn.functional.normalize(moved_GD, dim=-1))
    return moved_GD


def crowding_gradient(directions_GD: Float[Tensor, "G D"]) -> Float[Tensor, "G D"]:
    """Gradient of Σ_{i≠j}(d_i·d_j)²."""
    lengths_G = directions_GD.square().sum(-1, keepdim=True)
    return 4 * (directions_GD @ (directions_GD.T @ directions_GD) - lengths_G * directions_GD)
