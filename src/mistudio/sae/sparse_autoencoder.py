"""The SAE as its users see it: `encode`, `decode`, `forward` on raw activations, and `save`.

A transcoder is one that writes another hook point than it reads.

B tokens, D d_in, E d_out (D for an SAE), F d_sae, K active latents per token.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mistudio.errors import BadInput, ShapeError
from mistudio.sae.config import SaeConfig
from mistudio.sae.registry import architecture_of
from mistudio.sae.weights import W_SKIP, SparseCode, Weights


class SparseAutoencoder(nn.Module):
    """A trained SAE. It takes raw activations: any scaling used in training is folded into its weights.

    Args:
        config: the architecture; its `d_sae` must agree with the weights.
        weights: float32 tensors, latents in rows.
        hook: the hook point that it was trained on, e.g. "resid_post.15".
        model_name: the language model that it was trained on.
        hook_out: the hook point that it writes; `hook` where it is none other.
        metadata: whatever else was stated when it was made, e.g. the tokens left out.

    Raises:
        ShapeError: the weights do not fit each other.
    """

    W_enc_FD: Tensor
    b_enc_F: Tensor
    W_dec_FD: Tensor
    b_dec_D: Tensor

    def __init__(
        self,
        config: SaeConfig,
        weights: Weights,
        *,
        hook: str,
        model_name: str,
        hook_out: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._architecture = architecture_of(config.architecture)
        d_sae, d_in = weights.W_enc_FD.shape
        d_out = weights.b_dec_D.shape[0] if self._architecture.transcodes else d_in
        wanted = {"W_enc_FD": (d_sae, d_in), "b_enc_F": (d_sae,), "W_dec_FD": (d_sae, d_out), "b_dec_D": (d_out,)}
        wanted |= {name: (d_out, d_in) if name == W_SKIP else (d_sae,) for name in self._architecture.tensors}
        tensors = weights.tensors()
        for name, shape in wanted.items():
            if tuple(tensors[name].shape) != shape:
                raise ShapeError(f"{name} has shape {tuple(tensors[name].shape)}, and {shape} is wanted.")
            self.register_buffer(name, tensors[name].detach().float().contiguous())
        self.config = config.model_copy(update={"d_sae": d_sae, "expansion": d_sae / d_in})
        self.hook = hook
        self.hook_out = hook_out or hook
        self.model_name = model_name
        self.metadata = dict(metadata or {})

    @property
    def d_in(self) -> int:
        """Width of the activations that it reads."""
        return int(self.W_enc_FD.shape[1])

    @property
    def d_out(self) -> int:
        """Width of the activations that it writes."""
        return int(self.W_dec_FD.shape[1])

    @property
    def hooks(self) -> tuple[str, ...]:
        """The hook points that it reads and writes; one for an SAE."""
        return (self.hook, self.hook_out) if self.transcodes else (self.hook,)

    @property
    def transcodes(self) -> bool:
        """Whether it is a transcoder."""
        return self._architecture.transcodes

    def demand_autoencoder(self, what: str) -> None:
        """Refuse what is only defined where the same hook point is read and written.

        Raises:
            BadInput: this is a transcoder.
        """
        if self.transcodes:
            raise BadInput(
                f"{what} needs an SAE, and this is a transcoder from {self.hook} to {self.hook_out}.",
                remedy=f"Use an SAE, such as one of {self.hook_out}.",
            )

    @property
    def d_sae(self) -> int:
        """Number of latents."""
        return int(self.W_enc_FD.shape[0])

    @property
    def weights(self) -> Weights:
        """All tensors."""
        more = {name: self.get_buffer(name) for name in self._architecture.tensors}
        return Weights(self.W_enc_FD, self.b_enc_F, self.W_dec_FD, self.b_dec_D, more)

    def encode_sparse(self, x_BD: Float[Tensor, "B D"]) -> SparseCode:
        """The active latents of each token, strongest first, computed in float32.

        Raises:
            ShapeError: `x_BD` is not `d_in` wide.
        """
        self._check(x_BD)
        return self._architecture.encode(x_BD.float(), self.weights, self.config)

    def encode(self, x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B F"]:
        """All latents' activations, zeros included: `d_sae` numbers a token, for small inputs.

        Raises:
            ShapeError: `x_BD` is not `d_in` wide.
        """
        code = self.encode_sparse(x_BD)
        acts_BF = torch.zeros((x_BD.shape[0], self.d_sae), device=x_BD.device)
        return acts_BF.scatter_(-1, code.latents_BK, code.values_BK)

    def decode(self, acts_BF: Float[Tensor, "B F"], x_BD: Float[Tensor, "B D"] | None = None) -> Float[Tensor, "B E"]:
        """The reconstruction of dense activations.

        Args:
            acts_BF: from `encode`.
            x_BD: what was encoded; a skip connection needs it.

        Raises:
            BadInput: there is a skip connection, and no `x_BD`.
        """
        return self._skipped(acts_BF @ self.W_dec_FD + self.b_dec_D, x_BD)

    def decode_sparse(self, code: SparseCode, x_BD: Float[Tensor, "B D"] | None = None) -> Float[Tensor, "B E"]:
        """The reconstruction of a sparse code.

        Args:
            code: from `encode_sparse`.
            x_BD: what was encoded; a skip connection needs it.

        Raises:
            BadInput: there is a skip connection, and no `x_BD`.
        """
        latents_BE = nn.functional.embedding_bag(
            code.latents_BK, self.W_dec_FD, per_sample_weights=code.values_BK, mode="sum"
        )
        return self._skipped(self.b_dec_D + latents_BE, x_BD)

    def forward(self, x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B E"]:
        """The reconstruction x̂ of x, or a transcoder's ŷ, in float32.

        Raises:
            ShapeError: `x_BD` is not `d_in` wide.
        """
        return self.decode_sparse(self.encode_sparse(x_BD), x_BD)

    def _skipped(self, y_BE: Float[Tensor, "B E"], x_BD: Float[Tensor, "B D"] | None) -> Float[Tensor, "B E"]:
        """What latents write, and what goes past them."""
        if W_SKIP not in self._architecture.tensors:
            return y_BE
        if x_BD is None:
            raise BadInput(
                "This transcoder has a skip connection, which needs what was encoded.",
                remedy="Give the input beside the activations: decode(acts, x).",
            )
        return y_BE + x_BD.float() @ self.get_buffer(W_SKIP).T

    def _check(self, x_BD: Tensor) -> None:
        if x_BD.shape[-1] != self.d_in:
            raise ShapeError(
                f"The activations are {x_BD.shape[-1]} wide, and this SAE reads {self.d_in}.",
                remedy=f"It was trained on {self.hook} of {self.model_name}: use that.",
            )
