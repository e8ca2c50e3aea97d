"""Which latents stand for a class, and how many it is split over (Chanin et al. 2024, arXiv 2409.14507, section 3).

1. A class's latents are ordered by their mean over its training words less their mean over the others.
2. Logistic regressions are fitted on the first 1, 2, … of them.
3. The first is a main latent; a further one is, while it raises F1 on the training words by more than a threshold.

SAEBench orders by the weights of an L1-penalised probe and counts on the words that it then measures on.

C classes, F d_sae, K latents, N words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from mistudio.evaluation.probing.config import FitConfig
from mistudio.evaluation.probing.logistic import fit_probes
from mistudio.evaluation.probing.scores import f1
from mistudio.progress import Progress, Silent
from mistudio.sae.weights import SparseCode


class Split(NamedTuple):
    """How a class lies in the latents."""

    latents: tuple[int, ...]
    """The candidates, that of largest difference first; only latents that fire more for the class."""
    train_f1: tuple[float, ...]
    """Of the probes on the first 1, 2, … candidates."""
    test_f1: tuple[float, ...]
    main: tuple[int, ...]


def split_classes(
    code: SparseCode,
    d_sae: int,
    answers_CN: Bool[Tensor, "C N"],
    train_N: Bool[Tensor, " N"],
    *,
    max_latents: int,
    min_rise: float,
    fit: FitConfig,
    progress: Progress | None = None,
) -> list[Split]:
    """Find each class's main latents.

    Args:
        code: the words' activations.
        max_latents: most candidates of a class.
        min_rise: of F1, above which a further latent counts.

    Raises:
        Interrupted: `progress` asked to stop.
    """
    progress = progress or Silent()
    differences_CF = class_differences(_rows(code, train_N), d_sae, answers_CN[:, train_N])
    ordered = differences_CF.sort(dim=1, descending=True, stable=True)
    chosen_CK = ordered.indices[:, : min(max_latents, d_sae)]
    candidates_C = (ordered.values[:, : chosen_CK.shape[1]] > 0).sum(1).tolist()
    acts_CNK = torch.stack([columns(code, chosen_K, d_sae) for chosen_K in chosen_CK])
    f1_of: dict[bool, list[list[float]]] = {True: [[] for _ in answers_CN], False: [[] for _ in answers_CN]}
    most = max(candidates_C)
    for k in range(1, most + 1):
        probes = fit_probes(
            acts_CNK[:, train_N, :k],
            answers_CN[:, train_N],
            l2=fit.l2,
            balanced=fit.weighting == "balanced",
            max_steps=fit.max_steps,
            progress=progress,
        )
        progress.advance("find main latents", k, most)
        logits_CN = probes.logits(acts_CNK[:, :, :k])
        for c, (logits_N, answers_N) in enumerate(zip(logits_CN, answers_CN, strict=True)):
            for train in (True, False):
                half_N = train_N if train else ~train_N
                f1_of[train][c].append(f1(logits_N[half_N], answers_N[half_N]))
    splits = []
    for c, count in enumerate(candidates_C):
        latents, train_f1 = tuple(chosen_CK[c, :count].tolist()), tuple(f1_of[True][c][:count])
        main = latents[: rising(train_f1, min_rise)]
        splits.append(Split(latents, train_f1, tuple(f1_of[False][c][:count]), main))
    return splits


def rising(values: Sequence[float], min_rise: float) -> int:
    """How many values stand before the first that does not exceed the one before it by more than `min_rise`."""
    for count in range(1, len(values)):
        if not values[count] > values[count - 1] + min_rise:
            return count
    return len(values)


def class_differences(code: SparseCode, d_sae: int, answers_CN: Bool[Tensor, "C N"]) -> Float64[Tensor, "C F"]:
    """Each latent's mean over a class's words less its mean over the others."""
    total_F = _summed(code, d_sae)
    samples = answers_CN.shape[1]
    found = []
    for answers_N in answers_CN:
        of_class_F, count = _summed(_rows(code, answers_N), d_sae), int(answers_N.sum())
        found.append(of_class_F / count - (total_F - of_class_F) / (samples - count))
    return torch.stack(found)


def columns(code: SparseCode, latents_K: Int64[Tensor, " K"], d_sae: int) -> Float64[Tensor, "N K"]:
    """Some latents' activations, zeros included."""
    place_F = torch.full((d_sae,), -1)
    place_F[latents_K] = torch.arange(len(latents_K))
    place_NK = place_F[code.latents_BK]
    dense = torch.zeros((len(code.values_BK), len(latents_K)), dtype=torch.float64)
    return dense.scatter_add_(1, place_NK.clamp(min=0), torch.where(place_NK >= 0, code.values_BK.double(), 0.0))


def _rows(code: SparseCode, rows_N: Bool[Tensor, " N"]) -> SparseCode:
    return SparseCode(code.values_BK[rows_N], code.latents_BK[rows_N])


def _summed(code: SparseCode, d_sae: int) -> Float64[Tensor, " F"]:
    return torch.bincount(code.latents_BK.flatten(), weights=code.values_BK.flatten().double(), minlength=d_sae)
