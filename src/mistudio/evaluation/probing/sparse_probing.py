"""Sparse probing: how well a class can be told from k latents (Gurnee et al. 2023, arXiv 2305.01610; SAEBench).

1. The k latents of a class are those whose mean over its training documents differs most from the rest's.
2. A logistic regression on those, one on all latents and one on the raw activations are fitted on the training half.
3. All are scored on the other half.

C classes, F d_sae, K latents chosen, N documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from mistudio.evaluation.probing.config import FitConfig
from mistudio.evaluation.probing.logistic import Probes, fit_probes
from mistudio.evaluation.probing.reading import Means
from mistudio.evaluation.probing.result import ClassProbes, MeanScores, ProbeScores, SparseProbe
from mistudio.evaluation.probing.scores import scores
from mistudio.progress import Progress, Silent


@dataclass(frozen=True)
class Samples:
    """Documents' means, their classes, and the half that each is in."""

    means: Means
    labels: tuple[str, ...]
    """The classes probed, in the order of the rows of `answers_CN`."""
    answers_CN: Bool[Tensor, "C N"]
    """Which documents are of each class."""
    train_N: Bool[Tensor, " N"]


def mean_differences(acts_NF: Float[Tensor, "N F"], answers_CN: Bool[Tensor, "C N"]) -> Float[Tensor, "C F"]:
    """Each latent's mean over the documents of a class less its mean over the rest."""
    yes_CN = answers_CN.double()
    acts_NF = acts_NF.double()
    sums_CF, yes_C1 = yes_CN @ acts_NF, yes_CN.sum(1, keepdim=True)
    return sums_CF / yes_C1 - (acts_NF.sum(0) - sums_CF) / (len(acts_NF) - yes_C1)


def strongest(differences_CF: Float[Tensor, "C F"], k: int) -> Int64[Tensor, "C K"]:
    """The k latents of largest difference, either way, largest first; of equal ones the lower number comes first."""
    return differences_CF.abs().sort(dim=1, descending=True, stable=True).indices[:, :k]


def probe_raw(samples: Samples, fit: FitConfig, progress: Progress | None = None) -> Probes:
    """The probes on the raw activations, fitted on the training half."""
    return _fitted(samples.means.x_ND[samples.train_N], samples, fit, progress or Silent())


def probe_classes(
    samples: Samples, raw: Probes, ks: Sequence[int], fit: FitConfig, progress: Progress | None = None
) -> list[ClassProbes]:
    """Probe every class on k latents, on all, and on the raw activations; nothing of the test half is fitted."""
    progress = progress or Silent()
    acts_NF, train_N = samples.means.acts_NF, samples.train_N
    train_NF, test_NF = acts_NF[train_N], acts_NF[~train_N]
    differences_CF = mean_differences(train_NF, samples.answers_CN[:, train_N])
    sparse: list[list[SparseProbe]] = [[] for _ in samples.labels]
    for done, k in enumerate(ks):
        progress.advance("fit probes", done, len(ks) + 1)
        chosen_CK = strongest(differences_CF, k)
        probes = _fitted(_columns(train_NF, chosen_CK), samples, fit, progress)
        scored = _scored(probes, _columns(test_NF, chosen_CK), samples)
        for c, each in enumerate(scored):
            sparse[c].append(SparseProbe(k=k, latents=tuple(chosen_CK[c].tolist()), scores=each))
    progress.advance("fit probes", len(ks), len(ks) + 1)
    active_F = (train_NF != 0).any(0)
    everything = _scored(_fitted(train_NF[:, active_F], samples, fit, progress), test_NF[:, active_F], samples)
    progress.advance("fit probes", len(ks) + 1, len(ks) + 1)
    baseline = _scored(raw, samples.means.x_ND[~train_N], samples)
    found = []
    for c, label in enumerate(samples.labels):
        of_class_N = samples.answers_CN[c]
        test_share = float(of_class_N[~train_N].double().mean())
        found.append(
            ClassProbes(
                label=label,
                documents=int(of_class_N.sum()),
                train_documents=int(of_class_N[train_N].sum()),
                test_documents=int(of_class_N[~train_N].sum()),
                always_one_answer=max(test_share, 1 - test_share),
                sparse=tuple(sparse[c]),
                all_latents=everything[c],
                raw=baseline[c],
            )
        )
    return found


def means_over_classes(classes: Sequence[ClassProbes]) -> list[MeanScores]:
    """Each kind of probe, averaged over the classes."""
    kinds = {f"k={each.k}": [one.sparse[i].scores for one in classes] for i, each in enumerate(classes[0].sparse)}
    kinds |= {"all latents": [one.all_latents for one in classes], "raw activations": [one.raw for one in classes]}
    return [MeanScores(probe=name, scores=_mean(of_classes)) for name, of_classes in kinds.items()]


def _mean(of_classes: Sequence[ProbeScores]) -> ProbeScores:
    names = ProbeScores.model_fields
    return ProbeScores(**{name: sum(getattr(each, name) for each in of_classes) / len(of_classes) for name in names})


def _fitted(x: Tensor, samples: Samples, fit: FitConfig, progress: Progress) -> Probes:
    return fit_probes(
        x,
        samples.answers_CN[:, samples.train_N],
        l2=fit.l2,
        balanced=fit.weighting == "balanced",
        max_steps=fit.max_steps,
        progress=progress,
    )


def _scored(probes: Probes, test: Tensor, samples: Samples) -> list[ProbeScores]:
    logits_CN, answers_CN = probes.logits(test), samples.answers_CN[:, ~samples.train_N]
    return [scores(logits_N, answers_N) for logits_N, answers_N in zip(logits_CN, answers_CN, strict=True)]


def _columns(acts_NF: Float[Tensor, "N F"], chosen_CK: Int64[Tensor, "C K"]) -> Float[Tensor, "C N K"]:
    return torch.stack([acts_NF[:, chosen_K] for chosen_K in chosen_CK])
