"""A training step that touches only live latents after the encoder, whatever decides which those are.

It costs 2dm FLOP a token for the encoder and about 8dk for everything after it:

1. Encode and select the latents that are looked at (`kernels.encoding`), in slices of tokens small enough to be
   selected from while still in cache.
2. Say what their activations are: the architecture's part.
3. Reconstruct from the live decoder rows, and multiply the error back onto them.
4. Add what the architecture's penalty asks of each activation.
5. Where latents are dead, give them a gradient of their own (`revival`), on the dead sub-matrix only.
6. Gather the weights' gradients latent by latent.

Where hundreds of latents are active per token, 3 and 6 are dense products (`kernels.wide`).

A transcoder's batch holds what it reads and what it is to write side by side; its skip connection, where it has one,
is dense: what it writes is taken off the target first, and its gradient is one product of the pull with the input.

Knows nothing of optimisers, schedules or data. Gradients are those of `kernels.reference`.

B tokens, S tokens of a slice, D d_in, E d_out (D for an SAE), F d_sae, N latents looked at in all tokens together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Generic, NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from mistudio.hardware import fast_dtype
from mistudio.sae.collective import SINGLE, Mesh
from mistudio.sae.config import TrainableSaeConfig
from mistudio.sae.kernels.choice import encoder_for, kernels_for
from mistudio.sae.kernels.protocol import AuxiliaryGradients, Backward, Reconstruction, StepKernels
from mistudio.sae.kernels.wide import WideDecoding
from mistudio.sae.live_code import LiveCode
from mistudio.sae.revival import auxk
from mistudio.sae.sharded_decoding import Decoding, ShardedDecoding
from mistudio.sae.weights import W_SKIP, Weights

_WIDE = 1 / 24
"""Share of the latents looked at per token above which dense products are faster."""

ConfigType = TypeVar("ConfigType", bound=TrainableSaeConfig)


class Live(NamedTuple):
    """The latents of a batch that the step looks at."""

    code: LiveCode
    """Their activations; 0 where a latent is looked at and not active."""
    found_N: Float[Tensor, " N"]
    """What was found of each, such as its pre-activation; the architecture knows."""


@dataclass
class Slopes:
    """How the whole loss, penalties included, changes with what the architecture computed."""

    pre_N: Float[Tensor, " N"]
    """Half the derivative by each pre-activation that is looked at."""
    penalty: Float[Tensor, ""]
    """The penalties, in the unit of the reconstruction loss."""
    vectors: dict[str, Tensor] = field(default_factory=dict)
    """Gradients of vectors that do not follow from `pre_N`, by name."""
    along_F: Float[Tensor, " F"] | None = None
    """How often its own row is added to each gradient of W_dec."""


@dataclass(frozen=True)
class StepLoss:
    """What one batch came to. Tensors stay on the device; reading one waits for it."""

    reconstruction: Float[Tensor, ""]
    """Mean squared error per element of x; of several prefixes of the latents the mean."""
    penalty: Float[Tensor, ""]
    """What sparsity costs, in the same unit, after its coefficient; of this process's latents."""
    auxiliary: Float[Tensor, ""]
    """The AuxK loss, in the same unit, before its coefficient."""
    squared_error: Float[Tensor, ""]
    """Σ‖x − x̂‖² over the batch."""
    gradient_norm: float
    code: LiveCode
    error_BD: Float[Tensor, "B D"]
    """x̂ − x."""


class SparseStep(ABC, Generic[ConfigType]):
    """Forward and backward of one batch; `gradients` holds the result until the next call.

    Args:
        config: the SAE.
        weights: master weights in float32; the caller updates them in place and then calls `refresh`.
        kernels: the sparse parts; the fastest for the device where not given.
        gemm_dtype: dtype of the encoder's matrix product; what is fastest and exact enough where not given.
        mesh: the processes that take the step together; `weights` are this one's share of the latents.
    """

    faster: Mapping[str, float] = MappingProxyType({})
    """Tensors that learn at a multiple of the learning rate, by name."""
    sparse_by_bias = False
    """Whether it is the encoder's bias that makes most latents inactive; a dead latent must then be revived
    regardless of it."""

    def __init__(
        self,
        config: ConfigType,
        weights: Weights,
        *,
        kernels: StepKernels | None = None,
        gemm_dtype: torch.dtype | None = None,
        mesh: Mesh = SINGLE,
    ) -> None:
        self.config = config
        self.weights = weights
        self.mesh = mesh
        self.gradients = weights.zeros_like()
        self.kept: dict[str, Tensor] = {}
        """What decides later steps beside the weights, updated in place."""
        self.ends: tuple[int, ...] = (weights.b_enc_F.shape[0],)
        """Where each group of latents ends, of which every prefix is to reconstruct x."""
        self.k = config.k
        """Active latents wanted now; a schedule may change it from step to step."""
        self.parts = 1
        """Calls that make one step together: what is averaged over steps moves by as much less in each."""
        self.unit_norm = True
        """Whether decoder rows keep norm 1."""
        self.kernels = kernels or kernels_for(weights.b_dec_D.device)
        self.encoder = encoder_for(weights, self.kernels, gemm_dtype)
        self._dtype = gemm_dtype or fast_dtype(weights.b_dec_D.device)
        self._wide = WideDecoding(self._dtype)

    def refresh(self) -> None:
        """Take over the master weights after an update."""
        self.encoder.refresh()

    def target(self, batch_BC: Float[Tensor, "B C"]) -> Float[Tensor, "B E"]:
        """What is to be reconstructed of a batch."""
        return batch_BC if self.config.target is None else batch_BC[:, self.weights.W_enc_FD.shape[1] :].contiguous()

    def _inputs(self, batch_BC: Float[Tensor, "B C"]) -> Float[Tensor, "B D"]:
        """What the encoder is multiplied with."""
        if self.config.target is None:
            return batch_BC - self.weights.b_dec_D
        return batch_BC[:, : self.weights.W_enc_FD.shape[1]].contiguous()

    def __call__(self, batch_BC: Float[Tensor, "B C"], dead_F: Bool[Tensor, " F"] | None = None) -> StepLoss:
        """Loss and gradients of a batch.

        Where processes share out its tokens, the gradients are those of the whole batch, and the losses of the share.

        Args:
            batch_BC: float32 activations, as scaled for training; this process's share of the batch. A transcoder's are
                inputs and targets side by side.
            dead_F: latents that shall be revived; None where there are none.
        """
        inputs_BD, x_BD = self._inputs(batch_BC), self.target(batch_BC)
        scale = 2.0 / x_BD.numel()
        if W_SKIP in self.weights.more:
            x_BD = x_BD - (inputs_BD.to(self._dtype) @ self.weights.more[W_SKIP].to(self._dtype).T).float()
        live = self.select(inputs_BD)
        decoding = self._decoding(live)
        reconstruction = decoding.reconstruct(x_BD, live.code, self.weights.W_dec_FD, self.weights.b_dec_D, self.ends)
        slopes = self.slopes(live, reconstruction, x_BD)
        auxiliary, auxiliary_loss = None, torch.zeros((), device=x_BD.device)
        if dead_F is not None:
            auxiliary, auxiliary_loss = self.revive(
                inputs_BD, reconstruction.error_BD, dead_F.nonzero().squeeze(-1), slopes
            )
        backward = Backward(
            live.code, slopes.pre_N, reconstruction.pull_BGD, inputs_BD, scale, auxiliary, slopes.along_F,
            self.unit_norm,
        )  # fmt: skip
        squared_norm = decoding.weight_gradients(backward, self.weights, self.gradients, self.ends)
        squared_norm += self._vectors(backward, slopes)
        squared_norm = self.mesh.agree(self.gradients, squared_norm)
        return StepLoss(
            reconstruction.loss_B.sum() / x_BD.numel(),
            slopes.penalty,
            auxiliary_loss,
            reconstruction.squared_error_B.sum(),
            squared_norm**0.5,
            live.code,
            reconstruction.error_BD,
        )

    @abstractmethod
    def select(self, inputs_BD: Float[Tensor, "B D"]) -> Live:
        """The latents to look at, from the encoder's inputs; latent ids ascend within a token."""

    def slopes(self, live: Live, reconstruction: Reconstruction, x_BD: Float[Tensor, "B D"]) -> Slopes:
        """Half the derivative of the whole loss by each pre-activation; without penalties, that of the activation."""
        return Slopes(reconstruction.slope_N * (live.code.values_N > 0), torch.zeros((), device=x_BD.device))

    def revive(
        self,
        inputs_BD: Float[Tensor, "B D"],
        error_BD: Float[Tensor, "B E"],
        dead_A: Int64[Tensor, " A"],
        slopes: Slopes,  # noqa: ARG002
    ) -> tuple[AuxiliaryGradients | None, Float[Tensor, ""]]:
        """What dead latents learn from, and AuxK's loss; other losses go into `slopes`."""
        config = self.config
        if config.aux_k == 0 or config.aux_coefficient == 0:
            return None, torch.zeros((), device=inputs_BD.device)
        return auxk(
            self.weights, inputs_BD, error_BD, dead_A,
            k=config.aux_k, scale=2 / error_BD.numel() * config.aux_coefficient, with_bias=not self.sparse_by_bias,
            latents=self.mesh.latents,
        )  # fmt: skip

    def _decoding(self, live: Live) -> Decoding:
        dense, everyone = live.code.tokens * self.weights.b_enc_F.shape[0], self.mesh.everyone
        wide = everyone.total(live.code.values_N.shape[0]) > _WIDE * everyone.total(dense)
        decoding: Decoding = self._wide if wide else self.kernels
        return decoding if self.mesh.latents.size == 1 else ShardedDecoding(decoding, self.mesh.latents)

    def _vectors(self, backward: Backward, slopes: Slopes) -> float:
        """Fill the gradients of the biases and of what else is no matrix; their squared norm."""
        out = self.gradients
        # Each prefix has the decoder bias and the skip connection.
        pull_BE = backward.pull_BGD[:, 0]
        out.b_dec_D.copy_(pull_BE.sum(0) * backward.scale)
        if self.config.target is None:
            # The encoder sees x − b_dec; an auxiliary loss stops at that input.
            out.b_dec_D -= self.mesh.latents.sum(out.b_enc_F @ self.weights.W_enc_FD)
        if W_SKIP in out.more:
            out.more[W_SKIP].copy_((pull_BE * backward.scale).to(self._dtype).T @ backward.inputs_BD.to(self._dtype))
        for name, gradient in slopes.vectors.items():
            out.tensors()[name].copy_(gradient)
        if backward.auxiliary is not None:
            out.b_enc_F.index_add_(0, backward.auxiliary.latents_A, backward.auxiliary.b_enc_A)
        vectors = [t.pow(2).sum() for name, t in out.tensors().items() if t.dim() == 1 or name == W_SKIP]
        return float(torch.stack(vectors).sum())
