"""Which features exclude and demand each other, and how often each of them then fires.

1. A Zipf law gives each feature the frequency that is wanted of it.
2. Roots and features outside the trees fire with that frequency.
3. A child is proposed only where its parent fires, with chance q = min(1, p/p_parent · (1 + Σ p_sibling/p_parent)),
   which makes up for the parent and, roughly, for the siblings that it competes with. Of several proposed siblings
   that exclude each other one is picked, each with the same chance. Siblings that do not compete have no sum.

In a wide tree the wanted frequencies of siblings add up to more than their parent's, so that children fire less often
than wanted. `frequency_G` is what they do fire with: exact where features are independent, and close to it where they
share causes.

SynthSAEBench (arXiv 2602.14687) compensates in the same way. G features, N parents, C children of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from mistudio.evaluation.config import SyntheticConfig


@dataclass(frozen=True)
class Forest:
    """The trees, and the probabilities that belong to them."""

    levels: tuple[int, ...]
    """Where each level begins, roots first, and where the last one ends."""
    branching: int
    parent_G: Int64[np.ndarray, " G"]
    """Each feature's parent; -1 for roots and for features outside the trees."""
    proposed_G: Float64[np.ndarray, " G"]
    """Chance that a feature is proposed, given that its parent fires."""
    frequency_G: Float64[np.ndarray, " G"]
    """Share of tokens on which each feature fires where features are independent."""

    def children(self, features_N: Int64[np.ndarray, " N"], level: int) -> Int64[np.ndarray, "N C"]:
        """The children of features of that level."""
        first_N = self.levels[level + 1] + (features_N - self.levels[level]) * self.branching
        return first_N[:, None] + np.arange(self.branching)


def grow(config: SyntheticConfig) -> Forest:
    """The forest of a configuration."""
    wanted_G = zipf(config)
    levels, branching = config.levels, config.branching
    parent_G = np.full(config.features, -1, dtype=np.int64)
    proposed_G, frequency_G = wanted_G.copy(), wanted_G.copy()
    for level in range(config.depth if config.roots else 0):
        parents_N = np.arange(levels[level], levels[level + 1])
        of_parents = slice(levels[level + 1], levels[level + 2])
        parent_G[of_parents] = parents_N.repeat(branching)
        share_NC = wanted_G[of_parents].reshape(-1, branching) / wanted_G[parents_N][:, None]
        if config.exclusive_children:
            share_NC = share_NC * (1 + share_NC.sum(1, keepdims=True) - share_NC)
        proposed_NC = np.minimum(1.0, share_NC)
        won_NC = chance_to_win(proposed_NC) if config.exclusive_children else proposed_NC
        proposed_G[of_parents] = proposed_NC.reshape(-1)
        frequency_G[of_parents] = (frequency_G[parents_N][:, None] * won_NC).reshape(-1)
    return Forest(levels, branching, parent_G, proposed_G, frequency_G)


def zipf(config: SyntheticConfig) -> Float64[np.ndarray, " G"]:
    """Wanted frequencies by rank: r to the minus exponent, stretched to reach from `p_max` to `p_min`."""
    if config.features == 1:
        return np.array([config.p_max])
    falling_G: Float64[np.ndarray, " G"] = np.arange(1, config.features + 1) ** -config.zipf_exponent
    wanted_G: Float64[np.ndarray, " G"] = np.interp(
        falling_G, [falling_G[-1], falling_G[0]], [config.p_min, config.p_max]
    )
    return wanted_G


def chance_to_win(proposed_NC: Float64[np.ndarray, "N C"]) -> Float64[np.ndarray, "N C"]:
    """The chance of being picked, where each candidate is proposed independently and one of those proposed is picked.

    It is q·E[1/(1+m)], m being the number of other candidates that are proposed; the coefficients of
    Π(1 − q_other + q_other·s) are the chances of each m.
    """
    won_NC = np.empty_like(proposed_NC)
    for candidate in range(proposed_NC.shape[1]):
        chance_NM = np.zeros_like(proposed_NC)
        chance_NM[:, 0] = 1.0
        for other_N in np.delete(proposed_NC, candidate, axis=1).T:
            more_NM = np.roll(chance_NM, 1, axis=1) * other_N[:, None]
            chance_NM = chance_NM * (1 - other_N[:, None]) + more_NM
        won_NC[:, candidate] = proposed_NC[:, candidate] * (chance_NM / np.arange(1, chance_NM.shape[1] + 1)).sum(1)
    return won_NC
