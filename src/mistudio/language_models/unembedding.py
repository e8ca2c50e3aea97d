"""Read directions of the residual stream as tokens: the logit lens.

The model's logits are `W · norm(x)`. Every norm here is `gain ⊙ (x − c·mean(x)) / scale(x) + bias`, with c = 1 for
LayerNorm and c = 0 for RMSNorm. With `scale(x)` held fixed, adding `s·d` to the residual stream before the norm adds
`s / scale(x) · W · (gain ⊙ (d − c·mean(d)))` to the logits. `logits_of_directions` computes that with `s / scale(x)`
left at 1, so that:

* the final norm's gain (Gemma's `1 + weight` too) and LayerNorm's centring are folded in;
* the norm's bias and the unembedding's bias are left out: they say nothing of the direction;
* the norm's scale is left out: values of different directions of equal length compare, their unit is logits times
  the size of the normed residual stream;
* a soft cap on the logits (Gemma 2) is left out: it changes no order;
* what later blocks make of the direction is left out: this is a direct effect, exact only after the last block.

Gain and centring are measured on the norm module itself and not taken from its name.

V vocabulary, F directions, D d_model.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mistudio.errors import ShapeError, UnsupportedModel
from mistudio.language_models.anatomy import final_norm
from mistudio.language_models.loading import LanguageModel


class LensSlice(NamedTuple):
    """The logits of some of the directions."""

    first: int
    """The index of the first direction of the slice."""
    logits_FV: Tensor
    """float32."""


@dataclass(frozen=True)
class Unembedding:
    """The way from the residual stream after the last block to the logits."""

    norm: nn.Module | None
    """The model's final norm; None where it has none."""
    weight_VD: Tensor
    """In the model's dtype, on its device; OPT-350m's projection is multiplied in."""
    gain_D: Float[Tensor, " D"]
    """The final norm's gain; 1 where there is no norm."""
    centred: bool
    """The final norm subtracts the mean over d_model (LayerNorm)."""
    softcap: float | None
    """Logits are `softcap · tanh(logits / softcap)`; not applied here."""

    def logits_of_directions(self, directions_FD: Float[Tensor, "F D"]) -> Float[Tensor, "F V"]:
        """What each direction adds to each token's logit (see the module's docstring), float32, on the CPU.

        Takes 4·F·V bytes; `slices` takes less.

        Raises:
            ShapeError: the directions are not d_model wide.
        """
        parts = [part.logits_FV.cpu() for part in self.slices(directions_FD)]
        return torch.cat(parts) if parts else torch.empty(0, self.weight_VD.shape[0])

    def slices(self, directions_FD: Float[Tensor, "F D"], size: int = 512) -> Iterator[LensSlice]:
        """The same, `size` directions at a time, on the model's device.

        Raises:
            ShapeError: the directions are not d_model wide.
        """
        folded_FD = self.fold(directions_FD).to(self.weight_VD)
        for first in range(0, len(folded_FD), size):
            yield LensSlice(first, (folded_FD[first : first + size] @ self.weight_VD.T).float())

    def fold(self, directions_FD: Float[Tensor, "F D"]) -> Float[Tensor, "F D"]:
        """The directions as the unembedding matrix meets them: centred and multiplied by the gain; float32.

        Raises:
            ShapeError: the directions are not d_model wide.
        """
        if directions_FD.shape[-1] != len(self.gain_D):
            raise ShapeError(f"The directions are {directions_FD.shape[-1]} wide, and the model {len(self.gain_D)}.")
        directions_FD = directions_FD.detach().to(self.gain_D)
        if self.centred:
            directions_FD = directions_FD - directions_FD.mean(dim=-1, keepdim=True)
        return directions_FD * self.gain_D


def unembedding(lm: LanguageModel) -> Unembedding:
    """The model's unembedding.

    Raises:
        UnsupportedModel: the model has no output embeddings of a kind that is known.
    """
    head: nn.Module | None = lm.module.get_output_embeddings()  # type: ignore[no-untyped-call]
    weight = getattr(head, "weight", None)
    if not isinstance(weight, Tensor) or not weight.is_floating_point():
        raise UnsupportedModel(f"{lm.name} has no plain unembedding matrix.")
    weight_VD = weight.detach()
    project = getattr(lm.module.get_decoder(), "project_out", None)  # type: ignore[no-untyped-call]
    if isinstance(project, nn.Module) and isinstance(project.weight, Tensor):
        weight_VD = (weight_VD.float() @ project.weight.detach().float()).to(weight_VD)
    norm = final_norm(lm.module)
    gain_D, centred = _measure(norm, lm.d_model) if norm is not None else (torch.ones(lm.d_model), False)
    softcap = getattr(lm.text_config, "final_logit_softcapping", None)
    return Unembedding(norm, weight_VD, gain_D.to(weight_VD.device), centred, softcap)


def _measure(norm: nn.Module, width: int) -> tuple[Tensor, bool]:
    """A norm's gain, and whether it centres, from its answers to two inputs.

    Both are so large that epsilon does not matter; the first has mean 0 and root mean square 1 before that.
    """
    exact = copy.deepcopy(norm).to(device="cpu", dtype=torch.float32)
    probe_D = torch.randn(width, generator=torch.Generator().manual_seed(0))
    probe_D = probe_D.sign() * (probe_D.abs() + 0.5)
    probe_D = probe_D - probe_D.mean()
    probe_D = probe_D / probe_D.pow(2).mean().sqrt()
    with torch.inference_mode(False), torch.no_grad():
        odd_D = (exact(1e3 * probe_D) - exact(-1e3 * probe_D)) / 2
        shifted_D = (exact(1e3 * (probe_D + 1)) - exact(-1e3 * (probe_D + 1))) / 2
    return odd_D / probe_D, bool(torch.allclose(shifted_D, odd_D, atol=1e-3, rtol=1e-3))
