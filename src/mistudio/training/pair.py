"""How a transcoder's two sides are scaled for training, and folded back.

Each side is brought to a mean norm of √d by itself, since a transformer's hook points differ in scale by orders of
magnitude. What is read is centred too: an encoder that subtracts no decoder bias would otherwise begin with the same
few latents active on every token.

B tokens, D d_in, E d_out, F d_sae.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.sae.weights import W_SKIP, Weights

_PREFIX = "pair."


@dataclass(frozen=True)
class PairScale:
    """What is done to inputs and targets that stand side by side."""

    read: Float[Tensor, ""]
    """Factor on the inputs."""
    centre_D: Float[Tensor, " D"]
    """Taken off the scaled inputs."""
    write: Float[Tensor, ""]
    """Factor on the targets."""

    def apply(self, acts_BC: Float[Tensor, "B C"]) -> Float[Tensor, "B C"]:
        """What is trained on, from raw activations in float32."""
        d_in = self.centre_D.shape[0]
        inputs_BD = acts_BC[:, :d_in] * self.read - self.centre_D
        return torch.cat([inputs_BD, acts_BC[:, d_in:] * self.write], dim=1)

    def fold(self, weights: Weights) -> Weights:
        """The weights that do for raw activations what `weights` do for scaled ones.

        Activations are divided by the target's factor, so that decoder rows keep their norm. Exact for every
        architecture here: each commutes with a positive factor.
        """
        growth, tensors = self.read / self.write, weights.tensors()
        shift_F = weights.W_enc_FD @ self.centre_D
        folded = {
            "W_enc_FD": weights.W_enc_FD * growth,
            "b_enc_F": (weights.b_enc_F - shift_F) / self.write,
            "b_dec_D": weights.b_dec_D / self.write,
        }
        if "threshold_F" in tensors:
            folded["threshold_F"] = tensors["threshold_F"] / self.write
        if "b_mag_F" in tensors:
            folded["b_mag_F"] = (tensors["b_mag_F"] - tensors["r_mag_F"].exp() * shift_F) / self.write
        if W_SKIP in tensors:
            folded[W_SKIP] = tensors[W_SKIP] * growth
            folded["b_dec_D"] = (weights.b_dec_D - tensors[W_SKIP] @ self.centre_D) / self.write
        return Weights.of(tensors | folded)

    def to(self, device: torch.device) -> PairScale:
        """The same on a device."""
        return PairScale(**{each.name: getattr(self, each.name).to(device) for each in fields(self)})

    def state(self) -> dict[str, Tensor]:
        """Its tensors, for a checkpoint."""
        return {f"{_PREFIX}{each.name}": getattr(self, each.name) for each in fields(self)}

    @classmethod
    def of_state(cls, tensors: Mapping[str, Tensor]) -> PairScale | None:
        """The inverse of `state`; None in the checkpoint of an SAE."""
        found = {each.name: tensors.get(f"{_PREFIX}{each.name}") for each in fields(cls)}
        given = {name: tensor for name, tensor in found.items() if tensor is not None}
        return cls(**given) if given else None
