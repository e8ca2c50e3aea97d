"""What steering adds to an activation.

Every method is a delta on the original x: an addition is strength · max_act · d, a clamp is (τ − a(x)) · d with
τ = strength · max_act, where d is the latent's decoder row and a(x) its activation. A clamp so written equals decoding
the code with a := τ and adding the SAE's error back. Deltas are evaluated on the same x and summed, so their order does
not matter, and a position is masked by leaving its delta out.

For TopK SAEs a(x) depends on all other latents: it is read from the full code.

B tokens, D d_in, F d_sae, K active latents per token, E edits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mistudio.errors import BadInput
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import SparseCode
from mistudio.steering.config import Edit, SteeringSpec


def add_delta(amounts_E: Float[Tensor, " E"], directions_ED: Float[Tensor, "E D"]) -> Float[Tensor, " D"]:
    """The sum of the directions, each times its amount: the same for every token."""
    return amounts_E @ directions_ED


def clamp_delta(
    acts_BE: Float[Tensor, "B E"], targets_E: Float[Tensor, " E"], directions_ED: Float[Tensor, "E D"]
) -> Float[Tensor, "B D"]:
    """What moves each latent's activation to its target."""
    return (targets_E - acts_BE) @ directions_ED


def activations_of(code: SparseCode, latents_E: Int64[Tensor, " E"]) -> Float[Tensor, "B E"]:
    """The activations of some latents, 0 where a latent is not in the code."""
    found_BKE = code.latents_BK[:, :, None] == latents_E
    return (found_BKE * code.values_BK[:, :, None]).sum(1)


@dataclass(frozen=True)
class Delta:
    """A steering spec with an SAE's directions and the latents' units filled in."""

    added_D: Float[Tensor, " D"]
    clamped_E: Int64[Tensor, " E"]
    """Latents that are clamped; often none."""
    targets_E: Float[Tensor, " E"]
    directions_ED: Float[Tensor, "E D"]

    @classmethod
    def of(cls, spec: SteeringSpec, sae: SparseAutoencoder, max_activation: Mapping[int, float]) -> Delta:
        """Look up the directions, and multiply the strengths by their units.

        Args:
            max_activation: the largest activation of each edited latent, in the SAE's own units.

        Raises:
            BadInput: a latent does not exist, or its maximum activation is not known or not positive.
        """
        amounts = {edit.latent: edit.strength * unit_of(edit, sae, max_activation) for edit in spec.edits}
        added = [edit.latent for edit in spec.edits if edit.mode == "add"]
        clamped = [edit.latent for edit in spec.edits if edit.mode == "clamp"]
        decoder_FD = sae.W_dec_FD.detach()

        def on_device(values: list[float]) -> Tensor:
            return torch.tensor(values, dtype=decoder_FD.dtype, device=decoder_FD.device)

        return cls(
            added_D=add_delta(on_device([amounts[latent] for latent in added]), decoder_FD[added]),
            clamped_E=torch.tensor(clamped, dtype=torch.int64, device=decoder_FD.device),
            targets_E=on_device([amounts[latent] for latent in clamped]),
            directions_ED=decoder_FD[clamped],
        )

    @property
    def needs_code(self) -> bool:
        """Whether the delta depends on the token."""
        return len(self.clamped_E) > 0

    def at(self, code: SparseCode) -> Float[Tensor, "B D"]:
        """What to add to each token of which `code` is the full code."""
        added_BD = self.added_D.expand(code.values_BK.shape[0], -1)
        if not self.needs_code:
            return added_BD
        return added_BD + clamp_delta(activations_of(code, self.clamped_E), self.targets_E, self.directions_ED)


def unit_of(edit: Edit, sae: SparseAutoencoder, max_activation: Mapping[int, float]) -> float:
    """The maximum activation of an edit's latent: what a strength of 1 means.

    Raises:
        BadInput: the latent does not exist, or its maximum activation is not known or not positive.
    """
    if edit.latent >= sae.d_sae:
        raise BadInput(
            f"There is no latent {edit.latent}: the SAE has {sae.d_sae:,}.",
            remedy=f"Choose a latent from 0 to {sae.d_sae - 1}.",
        )
    unit = max_activation.get(edit.latent)
    if unit is None:
        raise BadInput(
            f"The maximum activation of latent {edit.latent} is not known, so its strength has no unit.",
            remedy="Run `mistudio find` for this SAE, and steer with its features.",
        )
    if not unit > 0:
        raise BadInput(
            f"Latent {edit.latent} was never active, so its strength has no unit.",
            remedy="Choose a latent that is active on some text.",
        )
    return unit


def moved(x_BD: Float[Tensor, "B D"], delta_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
    """Add delta to x in x's dtype, computed in float32; bit for bit x where the delta is zero."""
    return torch.where(delta_BD == 0, x_BD, (x_BD.float() + delta_BD).to(x_BD.dtype))
