"""What is done to activations before an SAE is trained on them, and how the trained SAE comes to need none of it.

    none          nothing
    scale         one factor for all, so that the mean norm is √d (Gao et al. 2024; Lieberum et al. 2024)
    layer_norm    each token to mean 0 and deviation 1; part of the SAE for good, because it depends on the token
    whiten        every direction to variance 1: z = (x − mean) P, P = (C + ridge)^(-1/2), C the sample's covariance

Each is `apply` on a batch, and the way back into the weights in two halves, so that an SAE whose inputs and targets are
different activations has one for each: `reads` for rows that are multiplied with normalised activations, and `writes`
for rows that add up to normalised activations. `fold` does both for an SAE.

B tokens, D d_in, F d_sae.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.errors import BadInput, EmptyCorpus
from mistudio.sae.layer_norm import TokenNorm
from mistudio.sae.weights import Weights, grow, rescale

NormalisationName = Literal["none", "scale", "layer_norm", "whiten"]

RIDGE = 1e-3
"""Whitening: share of the mean variance that is added to every direction's, so that quiet ones are not blown up."""


class Normalisation(ABC):
    """One of the four, with what it took from the sample."""

    name: ClassVar[NormalisationName]
    outside: ClassVar[bool] = False
    """Whether the SAE must go on doing it itself."""
    d_in: int | None = None
    """Width of what is read, where targets of their own stand beside it."""

    @classmethod
    @abstractmethod
    def of(cls, sample_BD: Float[Tensor, "B D"]) -> Normalisation:
        """What suits a sample of raw activations in float32."""

    @abstractmethod
    def apply(self, x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """What is trained on, from raw activations in float32."""

    @abstractmethod
    def undo(self, z_BD: Float[Tensor, "B D"], x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """Raw activations from normalised ones, such as a reconstruction of those that `x_BD` became."""

    def reads(
        self, W_FD: Float[Tensor, "F D"], origin_D: Float[Tensor, " D"]
    ) -> tuple[Float[Tensor, "F D"], Float[Tensor, " D"]]:
        """W′ and o′ such that W′(x − o′) = W(z − o)."""
        return W_FD, origin_D

    def writes(
        self, W_FD: Float[Tensor, "F D"], bias_D: Float[Tensor, " D"]
    ) -> tuple[Float[Tensor, "F D"], Float[Tensor, " D"]]:
        """W′ and b′ such that a W′ + b′ is the raw form of a W + b, whatever the activations a are."""
        return W_FD, bias_D

    def fold(self, weights: Weights, *, each_row: bool) -> Weights:
        """The weights that do for raw activations what `weights` do for normalised ones.

        Args:
            weights: of an SAE whose encoder reads z − b_dec.
            each_row: bring every decoder row to norm 1 by making its activation larger; else, where activations of
                different latents are compared with one another, all by the same factor.
        """
        W_enc_FD, _ = self.reads(weights.W_enc_FD, weights.b_dec_D)
        W_dec_FD, b_dec_D = self.writes(weights.W_dec_FD, weights.b_dec_D)
        tensors = weights.tensors() | {"W_enc_FD": W_enc_FD, "W_dec_FD": W_dec_FD, "b_dec_D": b_dec_D}
        norm_F = W_dec_FD.norm(dim=1) / weights.W_dec_FD.norm(dim=1).clamp_min(torch.finfo(torch.float32).tiny)
        return grow(Weights.of(tensors), norm_F if each_row else norm_F.mean().expand_as(norm_F))

    def squares(
        self,
        error_BD: Float[Tensor, "B D"],  # noqa: ARG002
        x_BD: Float[Tensor, "B D"],  # noqa: ARG002
    ) -> tuple[float, float] | None:
        """Σ‖x̂ − x‖² and Σ‖x − x̄‖² of raw activations; None where their quotient is that of normalised ones anyway."""
        return None

    def tensors(self) -> dict[str, Tensor]:
        """What it took from the sample, by name."""
        return {}

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor]) -> Normalisation:  # noqa: ARG003
        """The inverse of `tensors`."""
        return cls()

    def to(self, device: torch.device) -> Normalisation:
        """The same on a device."""
        return self.restored({name: tensor.to(device) for name, tensor in self.tensors().items()})

    def facts(self) -> dict[str, float]:
        """What is told of it in the SAE's metadata."""
        return {}


class NoNormalisation(Normalisation):
    """Activations as they are."""

    name = "none"

    @classmethod
    def of(cls, sample_BD: Float[Tensor, "B D"]) -> NoNormalisation:
        """See `Normalisation.of`."""
        _mean_norm(sample_BD)
        return cls()

    def apply(self, x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """See `Normalisation.apply`."""
        return x_BD

    def undo(self, z_BD: Float[Tensor, "B D"], x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:  # noqa: ARG002
        """See `Normalisation.undo`."""
        return z_BD

    def fold(self, weights: Weights, *, each_row: bool) -> Weights:  # noqa: ARG002
        """The same weights."""
        return weights


class Scale(Normalisation):
    """One factor, which brings the sample's mean norm to √d."""

    name = "scale"

    def __init__(self, factor: float) -> None:
        self.factor = factor

    @classmethod
    def of(cls, sample_BD: Float[Tensor, "B D"]) -> Scale:
        """See `Normalisation.of`."""
        return cls(sample_BD.shape[1] ** 0.5 / _mean_norm(sample_BD))

    def apply(self, x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """See `Normalisation.apply`."""
        return x_BD * self.factor

    def undo(self, z_BD: Float[Tensor, "B D"], x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:  # noqa: ARG002
        """See `Normalisation.undo`."""
        return z_BD / self.factor

    def reads(
        self, W_FD: Float[Tensor, "F D"], origin_D: Float[Tensor, " D"]
    ) -> tuple[Float[Tensor, "F D"], Float[Tensor, " D"]]:
        """See `Normalisation.reads`."""
        return W_FD * self.factor, origin_D / self.factor

    def writes(
        self, W_FD: Float[Tensor, "F D"], bias_D: Float[Tensor, " D"]
    ) -> tuple[Float[Tensor, "F D"], Float[Tensor, " D"]]:
        """See `Normalisation.writes`."""
        return W_FD / self.factor, bias_D / self.factor

    def fold(self, weights: Weights, *, each_row: bool) -> Weights:  # noqa: ARG002
        """See `Normalisation.fold`: every activation grows by the same factor, and neither matrix changes."""
        return rescale(weights, self.factor)

    def tensors(self) -> dict[str, Tensor]:
        """See `Normalisation.tensors`; float64, so that a resumed run scales as before, bit for bit."""
        return {"factor": torch.tensor(self.factor, dtype=torch.float64)}

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor]) -> Scale:
        """See `Normalisation.restored`."""
        return cls(float(tensors["factor"]))

    def to(self, device: torch.device) -> Scale:  # noqa: ARG002
        """The same: a number is on no device."""
        return self

    def facts(self) -> dict[str, float]:
        """See `Normalisation.facts`."""
        return {"training_scale": self.factor}


class LayerNorm(Normalisation):
    """Each token to mean 0 and deviation 1 (see `sae.layer_norm`)."""

    name = "layer_norm"
    outside = True

    @classmethod
    def of(cls, sample_BD: Float[Tensor, "B D"]) -> LayerNorm:
        """See `Normalisation.of`."""
        _mean_norm(sample_BD)
        return cls()

    def apply(self, x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """See `Normalisation.apply`."""
        return TokenNorm.of(x_BD).apply(x_BD)

    def undo(self, z_BD: Float[Tensor, "B D"], x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """See `Normalisation.undo`."""
        return TokenNorm.of(x_BD).undo(z_BD)

    def fold(self, weights: Weights, *, each_row: bool) -> Weights:  # noqa: ARG002
        """The same weights: the SAE normalises its tokens itself."""
        return weights

    def squares(self, error_BD: Float[Tensor, "B D"], x_BD: Float[Tensor, "B D"]) -> tuple[float, float]:
        """See `Normalisation.squares`."""
        return squares_of(self.undo(self.apply(x_BD) + error_BD, x_BD) - x_BD, x_BD)


class Whitening(Normalisation):
    """Every direction to variance 1, by the matrix that turns the activations least (ZCA; Bell & Sejnowski 1997)."""

    name = "whiten"

    def __init__(self, mean_D: Tensor, matrix_DD: Tensor, inverse_DD: Tensor) -> None:
        self.mean_D, self.matrix_DD, self.inverse_DD = mean_D, matrix_DD, inverse_DD

    @classmethod
    def of(cls, sample_BD: Float[Tensor, "B D"]) -> Whitening:
        """See `Normalisation.of`; `RIDGE` times the mean variance is added to each direction's."""
        _mean_norm(sample_BD)
        mean_D = sample_BD.double().mean(0)
        centred_BD = sample_BD.double() - mean_D
        cov_DD = centred_BD.T @ centred_BD / max(1, sample_BD.shape[0] - 1)
        ridge = RIDGE * float(cov_DD.diagonal().mean())
        if ridge == 0:
            raise BadInput(
                "All sampled activations are the same, so there is nothing to whiten.",
                remedy="Choose another hook point, or --normalisation scale.",
            )
        variance_D, axes_DD = torch.linalg.eigh(cov_DD)
        deviation_D = (variance_D.clamp_min(0) + ridge).sqrt()
        return cls(
            mean_D.float(), ((axes_DD / deviation_D) @ axes_DD.T).float(), ((axes_DD * deviation_D) @ axes_DD.T).float()
        )

    def apply(self, x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """See `Normalisation.apply`."""
        return (x_BD - self.mean_D) @ self.matrix_DD

    def undo(self, z_BD: Float[Tensor, "B D"], x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:  # noqa: ARG002
        """See `Normalisation.undo`."""
        return z_BD @ self.inverse_DD + self.mean_D

    def reads(
        self, W_FD: Float[Tensor, "F D"], origin_D: Float[Tensor, " D"]
    ) -> tuple[Float[Tensor, "F D"], Float[Tensor, " D"]]:
        """See `Normalisation.reads`."""
        return W_FD @ self.matrix_DD, origin_D @ self.inverse_DD + self.mean_D

    def writes(
        self, W_FD: Float[Tensor, "F D"], bias_D: Float[Tensor, " D"]
    ) -> tuple[Float[Tensor, "F D"], Float[Tensor, " D"]]:
        """See `Normalisation.writes`."""
        return W_FD @ self.inverse_DD, bias_D @ self.inverse_DD + self.mean_D

    def squares(self, error_BD: Float[Tensor, "B D"], x_BD: Float[Tensor, "B D"]) -> tuple[float, float]:
        """See `Normalisation.squares`."""
        return squares_of(error_BD @ self.inverse_DD, x_BD)

    def tensors(self) -> dict[str, Tensor]:
        """See `Normalisation.tensors`."""
        return {"mean_D": self.mean_D, "matrix_DD": self.matrix_DD, "inverse_DD": self.inverse_DD}

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor]) -> Whitening:
        """See `Normalisation.restored`."""
        return cls(tensors["mean_D"], tensors["matrix_DD"], tensors["inverse_DD"])

    def facts(self) -> dict[str, float]:
        """See `Normalisation.facts`."""
        return {"whitening_ridge": RIDGE}


NORMALISATIONS: dict[NormalisationName, type[Normalisation]] = {
    kind.name: kind for kind in (NoNormalisation, Scale, LayerNorm, Whitening)
}


def _mean_norm(sample_BD: Tensor) -> float:
    """The sample's mean norm.

    Raises:
        BadInput: the sample is not finite.
        EmptyCorpus: it holds nothing but zeros.
    """
    mean_norm = float(sample_BD.norm(dim=1).mean())
    if not math.isfinite(mean_norm):
        raise BadInput("Some activations are infinite or undefined.", remedy="Record them with --dtype float32.")
    if mean_norm == 0:
        raise EmptyCorpus("All sampled activations are zero.", remedy="Choose another hook point.")
    return mean_norm


def squares_of(error_BD: Tensor, x_BD: Tensor) -> tuple[float, float]:
    """Σ‖x̂ − x‖² and Σ‖x − x̄‖²."""
    return float(error_BD.pow(2).sum()), float((x_BD - x_BD.mean(0)).pow(2).sum())
