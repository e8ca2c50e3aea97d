"""How a transcoder's two sides are scaled for training, and folded back.

Each side is brought to a mean norm of √d by itself, since a transformer's hook points differ in scale by orders of
magnitude. What is read is centred too: an encoder that subtracts no decoder bias would otherwise begin with the same
few latents active on every token.

B tokens, C columns of both sides together, D d_in, E d_out, F d_sae.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.sae.weights import W_SKIP, Weights
from mistudio.training.normalisation import Normalisation, Scale, squares_of


class PairScale(Normalisation):
    """What is done to inputs and targets that stand side by side.

    Args:
        read: factor on the inputs.
        centre_D: taken off the scaled inputs.
        write: factor on the targets.
    """

    name = "scale"

    def __init__(self, read: float, centre_D: Float[Tensor, " D"], write: float) -> None:
        self.read, self.centre_D, self.write = read, centre_D, write
        self.d_in = centre_D.shape[0]

    @classmethod
    def of(cls, sample_BD: Float[Tensor, "B D"]) -> PairScale:
        """See `Normalisation.of`; both sides are equally wide."""
        return cls.of_sides(*sample_BD.chunk(2, dim=1))

    @classmethod
    def of_sides(cls, inputs_BD: Float[Tensor, "B D"], targets_BE: Float[Tensor, "B E"]) -> PairScale:
        """What suits a sample of raw inputs and targets in float32.

        Raises:
            BadInput: the sample is not finite.
            EmptyCorpus: one of the two holds nothing but zeros.
        """
        read, write = Scale.of(inputs_BD), Scale.of(targets_BE)
        return cls(read.factor, read.apply(inputs_BD).mean(0), write.factor)

    def apply(self, x_BD: Float[Tensor, "B C"]) -> Float[Tensor, "B C"]:
        """See `Normalisation.apply`."""
        inputs_BD = x_BD[:, : self.d_in] * self.read - self.centre_D
        return torch.cat([inputs_BD, x_BD[:, self.d_in :] * self.write], dim=1)

    def undo(self, z_BD: Float[Tensor, "B E"], x_BD: Float[Tensor, "B C"]) -> Float[Tensor, "B E"]:  # noqa: ARG002
        """See `Normalisation.undo`: raw targets from scaled ones."""
        return z_BD / self.write

    def fold(self, weights: Weights, *, each_row: bool) -> Weights:  # noqa: ARG002
        """See `Normalisation.fold`; the encoder reads z itself.

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

    def squares(self, error_BD: Float[Tensor, "B E"], x_BD: Float[Tensor, "B C"]) -> tuple[float, float]:
        """See `Normalisation.squares`; of the targets, which are some of the columns."""
        return squares_of(error_BD / self.write, x_BD[:, self.d_in :])

    def tensors(self) -> dict[str, Tensor]:
        """See `Normalisation.tensors`; float64, so that a resumed run scales as before, bit for bit."""
        return {
            "read": torch.tensor(self.read, dtype=torch.float64),
            "centre_D": self.centre_D,
            "write": torch.tensor(self.write, dtype=torch.float64),
        }

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor]) -> PairScale:
        """See `Normalisation.restored`."""
        return cls(float(tensors["read"]), tensors["centre_D"], float(tensors["write"]))

    def facts(self) -> dict[str, float]:
        """See `Normalisation.facts`."""
        return {"training_scale_in": self.read, "training_scale": self.write}
