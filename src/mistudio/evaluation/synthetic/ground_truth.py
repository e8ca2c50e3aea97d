"""Draw activations together with the sparse code that they are the sum of.

1. Each token draws a few common causes; each feature's Gaussian is a mix of them and of its own noise, and the feature
   is proposed where the Gaussian exceeds the threshold that gives the wanted probability (a Gaussian copula).
2. Roots and features outside the trees fire where they are proposed. Level by level the children of those that fire
   are drawn; the others are never looked at, which changes nothing, because each has noise of its own.
3. A feature fires with |N(mean, spread)|, a child in proportion to how much its parent exceeds the parent's mean.
4. x = bias + Σ activation · direction.

A batch depends on nothing but configuration, split and number, so any can be drawn again, in any order. Memory is the
directions and one batch. What it leaves out: features of more than one dimension (Engels et al., arXiv 2405.14860),
noise that is no feature, and any order between tokens.

After SynthSAEBench (Chanin & Garriga-Alonso, arXiv 2602.14687). B tokens in a batch, D d_in, G features, R common
causes, I roots and features outside the trees, N features that fire on a level, C children of each.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor

from mistudio.evaluation.config import SyntheticConfig
from mistudio.evaluation.synthetic.directions import pushed_apart, random_directions
from mistudio.evaluation.synthetic.forest import grow
from mistudio.sae.weights import SparseCode

SyntheticSplit = Literal["train", "held_out"]
_STREAMS = {"fixed": 0, "train": 1, "held_out": 2}
"""What random numbers are for; streams are independent of each other."""
_LARGEST_COMMON = 0.99
"""Most of a feature's variance that common causes may have."""


class SyntheticBatch(NamedTuple):
    """Activations and what they are made of."""

    acts_BD: Float[Tensor, "B D"]
    code: SparseCode
    """The features that fire on each token, by number, and how strongly."""


class _Firing(NamedTuple):
    """Features that fire: feature `features_N[i]` on token `tokens_N[i]`."""

    tokens_N: Int64[np.ndarray, " N"]
    features_N: Int64[np.ndarray, " N"]
    values_N: Float32[np.ndarray, " N"]


class GroundTruth:
    """Known features, and any number of activations made of them.

    Args:
        config: what they look like.
    """

    def __init__(self, config: SyntheticConfig) -> None:
        self.config = config
        generator = _random(config, "fixed", 0)
        self.directions_GD = pushed_apart(
            random_directions(config.features, config.d_in, generator),
            steps=config.orthogonal_steps,
            rate=config.orthogonal_rate,
        )
        """What a feature of activation 1 adds to x; of length 1."""
        self.bias_D = config.bias_norm * random_directions(1, config.d_in, generator)[0]
        """What x is where nothing fires."""
        self.forest = grow(config)
        self.mean_G: Float32[np.ndarray, " G"] = np.linspace(
            config.magnitude_first, config.magnitude_last, config.features, dtype=np.float32
        )
        """Mean activation of each feature where it fires, before its parent scales it."""
        drawn_G = generator.standard_normal(config.features, dtype=np.float32)
        self._spread_G: Float32[np.ndarray, " G"] = np.abs(
            np.float32(config.spread_mean) + np.float32(config.spread_std) * drawn_G
        )
        self.common_GR, self._own_G = _common_causes(config, generator)
        """Weights of the common causes: features' Gaussians have the correlations common_GR·common_GRᵀ."""
        # A feature is proposed where its Gaussian exceeds this: Φ⁻¹(1 − p) = −Φ⁻¹(p).
        chance_G = torch.from_numpy(self.forest.proposed_G)
        self._threshold_G: Float32[np.ndarray, " G"] = -torch.special.ndtri(chance_G).float().numpy()
        tree_end = config.levels[-1]
        self._free_I = np.concatenate([np.arange(config.levels[1]), np.arange(tree_end, config.features)])

    @property
    def l0(self) -> float:
        """Features that fire on a token, on average, were they independent."""
        return float(self.forest.frequency_G.sum())

    def batch(self, number: int, split: SyntheticSplit = "train") -> SyntheticBatch:
        """Batch `number` of a split: `config.batch_tokens` tokens, always the same."""
        generator = _random(self.config, split, number)
        common_BR = generator.standard_normal((self.config.batch_tokens, self.common_GR.shape[1]), dtype=np.float32)
        firing = [self._free(common_BR, generator)]
        parents = _those_below(firing[0], self.forest.levels[1])
        for level in range(self.config.depth):
            parents = self._children(parents, level, common_BR, generator)
            firing.append(parents)
        code = _as_code(firing, self.config.batch_tokens)
        return SyntheticBatch(self.activations(code), code)

    def activations(self, code: SparseCode) -> Float[Tensor, "B D"]:
        """The activations that a code is the code of."""
        return self.bias_D + torch.nn.functional.embedding_bag(
            code.latents_BK, self.directions_GD, per_sample_weights=code.values_BK, mode="sum"
        )

    def _free(self, common_BR: Float32[np.ndarray, "B R"], generator: np.random.Generator) -> _Firing:
        """What fires among roots and features outside the trees."""
        own_BI = generator.standard_normal((len(common_BR), len(self._free_I)), dtype=np.float32)
        own_BI *= self._own_G[self._free_I]
        own_BI += common_BR @ self.common_GR[self._free_I].T
        tokens_N, places_N = np.nonzero(own_BI > self._threshold_G[self._free_I])
        features_N = self._free_I[places_N]
        return _Firing(tokens_N, features_N, self._magnitudes(features_N, generator))

    def _children(
        self, parents: _Firing, level: int, common_BR: Float32[np.ndarray, "B R"], generator: np.random.Generator
    ) -> _Firing:
        """What fires among the children of features of that level that fire."""
        children_NC = self.forest.children(parents.features_N, level)
        gauss_NC = np.einsum("nr,ncr->nc", common_BR[parents.tokens_N], self.common_GR[children_NC])
        gauss_NC += self._own_G[children_NC] * generator.standard_normal(children_NC.shape, dtype=np.float32)
        fires_NC = gauss_NC > self._threshold_G[children_NC]
        if self.config.exclusive_children:
            fires_NC = one_of_each(fires_NC, generator)
        which_N, child_N = np.nonzero(fires_NC)
        features_N = children_NC[which_N, child_N]
        values_N = self._magnitudes(features_N, generator)
        if self.config.scale_children:
            values_N *= parents.values_N[which_N] / self.mean_G[parents.features_N[which_N]]
        return _Firing(parents.tokens_N[which_N], features_N, values_N)

    def _magnitudes(
        self, features_N: Int64[np.ndarray, " N"], generator: np.random.Generator
    ) -> Float32[np.ndarray, " N"]:
        # The absolute value: what fires has a positive activation, and no frequency depends on the spread.
        noise_N = generator.standard_normal(len(features_N), dtype=np.float32)
        values_N: Float32[np.ndarray, " N"] = np.abs(self.mean_G[features_N] + self._spread_G[features_N] * noise_N)
        return values_N


def one_of_each(proposed_NC: Bool[np.ndarray, "N C"], generator: np.random.Generator) -> Bool[np.ndarray, "N C"]:
    """One proposed candidate of each row, each with the same chance; none where none is proposed."""
    lot_NC = np.where(proposed_NC, generator.random(proposed_NC.shape, dtype=np.float32), np.float32(-1))
    picked_NC: Bool[np.ndarray, "N C"] = lot_NC.argmax(1)[:, None] == np.arange(proposed_NC.shape[1])
    picked_NC &= proposed_NC
    return picked_NC


def _random(config: SyntheticConfig, stream: str, number: int) -> np.random.Generator:
    return np.random.default_rng([config.seed, _STREAMS[stream], number])


def _common_causes(
    config: SyntheticConfig, generator: np.random.Generator
) -> tuple[Float32[np.ndarray, "G R"], Float32[np.ndarray, " G"]]:
    """Weights of the common causes in each feature, and that of its own noise: together of variance 1."""
    drawn_GR = generator.standard_normal((config.features, config.correlation_rank), dtype=np.float32)
    common_GR = drawn_GR * np.float32(config.correlation_scale)
    variance_G = np.square(common_GR).sum(1)
    common_GR *= np.sqrt(_LARGEST_COMMON / np.maximum(variance_G, _LARGEST_COMMON))[:, None]
    return common_GR, np.sqrt(1 - np.square(common_GR).sum(1))


def _those_below(firing: _Firing, end: int) -> _Firing:
    kept_N = firing.features_N < end
    return _Firing(firing.tokens_N[kept_N], firing.features_N[kept_N], firing.values_N[kept_N])


def _as_code(firing: list[_Firing], tokens: int) -> SparseCode:
    """All that fires as one code, features of a token in ascending order, padded with zeros."""
    tokens_N, features_N, values_N = (np.concatenate(parts) for parts in zip(*firing, strict=True))
    order_N = np.lexsort((features_N, tokens_N))
    tokens_N = tokens_N[order_N]
    count_B = np.bincount(tokens_N, minlength=tokens)
    place_N = np.arange(len(tokens_N)) - (count_B.cumsum() - count_B)[tokens_N]
    shape = (tokens, max(1, int(count_B.max())))
    values_BK, features_BK = np.zeros(shape, np.float32), np.zeros(shape, np.int64)
    values_BK[tokens_N, place_N] = values_N[order_N]
    features_BK[tokens_N, place_N] = features_N[order_N]
    return SparseCode(torch.from_numpy(values_BK), torch.from_numpy(features_BK))
