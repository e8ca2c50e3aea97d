"""TopK: each token keeps its k largest pre-activations (Gao et al. 2024, arXiv 2406.04093)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from mistudio.sae.collective import among_the_largest
from mistudio.sae.config import TopKConfig
from mistudio.sae.sparse_step import Live, SparseStep
from mistudio.sae.weights import SparseCode, Weights, pre_activations


def encode(x_BD: Float[Tensor, "B D"], weights: Weights, config: TopKConfig) -> SparseCode:
    """The active latents in full float32, strongest first; ties keep the lower id."""
    values_BK, latents_BK = pre_activations(x_BD, weights).topk(config.k, dim=-1)
    return SparseCode(values_BK.relu(), latents_BK)


class TopKStep(SparseStep[TopKConfig]):
    """The k largest of each token."""

    def select(self, inputs_BD: Float[Tensor, "B D"]) -> Live:
        """See `SparseStep.select`."""
        k = min(self.k, self.weights.b_enc_F.shape[0])
        code = self.encoder.top_k(inputs_BD, k)
        if self.mesh.latents.size > 1:
            values_BK = code.values_N.view(inputs_BD.shape[0], k)
            code = code.where(among_the_largest(values_BK, self.k, self.mesh.latents).flatten())
        return Live(code, code.values_N)
