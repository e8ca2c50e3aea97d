"""The SAE as its users see it: `encode`, `decode`, `forward` on raw activations, files, the Hub, a notebook.

What knows files and the Hub (`native_file`, `hub`) knows this class; it is loaded when it is asked for.

A transcoder is one that writes another hook point than it reads.

B tokens, D d_in, E d_out (D for an SAE), F d_sae, K active latents per token.
"""

from __future__ import annotations

from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mistudio.errors import BadInput, ShapeError
from mistudio.sae.config import SaeConfig
from mistudio.sae.layer_norm import TokenNorm
from mistudio.sae.registry import architecture_of
from mistudio.sae.weights import W_SKIP, SparseCode, Weights


class SparseAutoencoder(nn.Module):
    """A trained SAE. It takes raw activations: what was done to them in training is folded into its weights.

    What depends on the token cannot be folded: with `normalisation="layer_norm"` it is done here to each token, and
    undone in the reconstruction, which therefore needs the activations beside the code.

    Args:
        config: the architecture; its `d_sae` must agree with the weights.
        weights: float32 tensors, latents in rows.
        hook: the hook point that it was trained on, e.g. "resid_post.15".
        model_name: the language model that it was trained on.
        hook_out: the hook point that it writes; `hook` where it is none other.
        metadata: whatever else was stated when it was made, e.g. the tokens left out.
        normalisation: what is done to each token before it is encoded.

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
        normalisation: Literal["none", "layer_norm"] = "none",
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
        self.normalisation = normalisation

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
        x_BD = x_BD.float()
        if self.normalisation == "layer_norm":
            x_BD = TokenNorm.of(x_BD).apply(x_BD)
        return self._architecture.encode(x_BD, self.weights, self.config)

    def contributions(self, x_BD: Float[Tensor, "B D"]) -> SparseCode:
        """The active latents, each with what it multiplies its decoder row by in the reconstruction of raw activations.

        That is its activation; with layer norm it is the activation times the token's deviation.

        Raises:
            ShapeError: `x_BD` is not `d_in` wide.
        """
        code = self.encode_sparse(x_BD)
        return code._replace(values_BK=code.values_BK * self.gain(x_BD))

    def gain(self, x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B 1"]:
        """How many times its decoder row an activation of 1 adds to each token."""
        if self.normalisation == "layer_norm":
            return TokenNorm.of(x_BD.float()).deviation_B1
        return torch.ones((x_BD.shape[0], 1), device=x_BD.device)

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
            acts_BF: what `encode` returned, or what was made of it.
            x_BD: the raw activations that were encoded; only layer norm and a skip connection need them.

        Raises:
            BadInput: layer norm or a skip connection was given no `x_BD`.
        """
        return self._raw(acts_BF @ self.W_dec_FD + self.b_dec_D, x_BD)

    def decode_sparse(self, code: SparseCode, x_BD: Float[Tensor, "B D"] | None = None) -> Float[Tensor, "B E"]:
        """The reconstruction of a sparse code; arguments and errors are those of `decode`."""
        sums_BE = nn.functional.embedding_bag(
            code.latents_BK, self.W_dec_FD, per_sample_weights=code.values_BK, mode="sum"
        )
        return self._raw(self.b_dec_D + sums_BE, x_BD)

    def forward(self, x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B E"]:
        """The reconstruction x̂ of x, or a transcoder's ŷ, in float32.

        Raises:
            ShapeError: `x_BD` is not `d_in` wide.
        """
        return self.decode_sparse(self.encode_sparse(x_BD), x_BD)

    def _raw(self, z_BE: Tensor, x_BD: Tensor | None) -> Tensor:
        """What latents write, with what goes past them, as raw activations."""
        skips = W_SKIP in self._architecture.tensors
        if not skips and self.normalisation == "none":
            return z_BE
        if x_BD is None:
            raise BadInput(
                "This transcoder has a skip connection, which needs what was encoded."
                if skips
                else "This SAE normalises each token by itself, and the reconstruction depends on the token.",
                remedy="Give decode the activations that were encoded as its second argument.",
            )
        if skips:
            return z_BE + x_BD.float() @ self.get_buffer(W_SKIP).T
        return TokenNorm.of(x_BD.float()).undo(z_BE)

    def save(self, directory: Path | str) -> None:
        """Write cfg.json and sae_weights.safetensors, which SAELens opens too, into a directory, made if missing."""
        Path(directory).mkdir(parents=True, exist_ok=True)
        import_module("mistudio.sae.native_file").save_sae(self, Path(directory))

    @classmethod
    def load(cls, directory: Path | str, *, device: str | torch.device = "cpu") -> SparseAutoencoder:
        """Read an SAE from its directory, as `mistudio.load_sae` does."""
        loaded: SparseAutoencoder = import_module("mistudio.sae.native_file").load_sae(directory, device=device)
        return loaded

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Upload it with a card; options and errors are those of `mistudio.sae.hub.push_sae`."""
        address: str = import_module("mistudio.sae.hub").push_sae(self, repo_id, **options)
        return address

    @classmethod
    def from_hub(cls, repo_id: str, **options: Any) -> SparseAutoencoder:
        """Fetch and load one; options and errors are those of `mistudio.sae.hub.sae_from_hub`."""
        loaded: SparseAutoencoder = import_module("mistudio.sae.hub").sae_from_hub(repo_id, **options)
        return loaded

    def _repr_html_(self) -> str:
        """What a notebook shows: what it is of, its size, and how its decoder's rows lie."""
        norm_F = self.W_dec_FD.norm(dim=1)
        facts = {
            "architecture": self.config.architecture,
            "trained on": f"{' to '.join(self.hooks)} of {self.model_name}",
            "latents": f"{self.d_sae:,} ({self.d_sae / self.d_in:g} × {self.d_in} dimensions)",
            "active per token": str(getattr(self.config, "k", "above a threshold")),
            "norm of decoder rows": f"{float(norm_F.min()):.3g} to {float(norm_F.max()):.3g}",
            "training tokens": f"{self.metadata['training_tokens']:,}" if "training_tokens" in self.metadata else "",
        }
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td style='text-align:left'>{escape(fact)}</td></tr>"
            for name, fact in facts.items()
            if fact
        )
        return f"<table><caption style='text-align:left'>SparseAutoencoder</caption>{rows}</table>"

    def _check(self, x_BD: Tensor) -> None:
        if x_BD.shape[-1] != self.d_in:
            raise ShapeError(
                f"The activations are {x_BD.shape[-1]} wide, and this SAE reads {self.d_in}.",
                remedy=f"It was trained on {self.hook} of {self.model_name}: use that.",
            )
