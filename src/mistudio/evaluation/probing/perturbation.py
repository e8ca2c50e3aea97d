"""Targeted probe perturbation (TPP; Karvonen et al. 2025, SAEBench, arXiv 2503.09532): are a class's latents its own?

1. A probe a class on the mean activations, as in sparse probing.
2. A latent speaks for a class by max(0, mean of the class − mean of the rest) · (decoder row · probe), over the
   training half; those with the largest such effect above 0 are set to zero.
3. Setting latents to zero takes their share out of the activation and leaves the SAE's error where it is. Means and
   probes are linear, so the perturbed document's mean is the mean less Σ mean activation · decoder row.
4. The score is the fall of the class's own probe less the mean fall of the others', on the test half.

Balanced accuracy stands where SAEBench, whose data are balanced, has accuracy.

C classes, D d_in, F d_sae, K latents set to zero, N documents.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from mistudio.evaluation.probing.logistic import Probes
from mistudio.evaluation.probing.reading import Means
from mistudio.evaluation.probing.result import Perturbation, PerturbationsAtK
from mistudio.evaluation.probing.scores import balanced_accuracy
from mistudio.evaluation.probing.sparse_probing import Samples, mean_differences


def perturb(
    samples: Samples, probes: Probes, W_dec_FD: Float[Tensor, "F D"], ks: Sequence[int]
) -> list[PerturbationsAtK]:
    """Perturb every class with every number of latents.

    Args:
        samples: at least three classes: of two, the probes are mirror images and every score is 0.
        probes: on raw activations, fitted on the training half, in the order of `samples.labels`.
    """
    train_N, answers_CN = samples.train_N, samples.answers_CN
    test = Means(*(each[~train_N] for each in samples.means))
    test_CN = answers_CN[:, ~train_N]
    effects_CF = effects(samples.means.acts_NF[train_N], answers_CN[:, train_N], probes, W_dec_FD)
    before_C = _accuracies(probes, test.x_ND, test_CN)
    found = []
    for k in ks:
        classes = []
        for c, label in enumerate(samples.labels):
            latents_K = _largest(effects_CF[c], k)
            falls_C = before_C - _accuracies(probes, without(test, latents_K, W_dec_FD), test_CN)
            own = float(falls_C[c])
            others = float((falls_C.sum() - falls_C[c]) / (len(falls_C) - 1))
            classes.append(
                Perturbation(
                    label=label,
                    latents=tuple(latents_K.tolist()),
                    own_fall=own,
                    others_fall=others,
                    score=own - others,
                )
            )
        found.append(
            PerturbationsAtK(k=k, classes=tuple(classes), score=sum(each.score for each in classes) / len(classes))
        )
    return found


def effects(
    acts_NF: Float[Tensor, "N F"], answers_CN: Bool[Tensor, "C N"], probes: Probes, W_dec_FD: Float[Tensor, "F D"]
) -> Float64[Tensor, "C F"]:
    """How much each latent speaks for each class: what its larger mean adds to the probe's logit."""
    return mean_differences(acts_NF, answers_CN).clamp(min=0) * (probes.weights_CD @ W_dec_FD.double().T)


def without(means: Means, latents_K: Int64[Tensor, " K"], W_dec_FD: Float[Tensor, "F D"]) -> Float64[Tensor, "N D"]:
    """The documents' mean activations with some latents at zero."""
    return means.x_ND.double() - means.acts_NF[:, latents_K].double() @ W_dec_FD[latents_K].double()


def _largest(effects_F: Float64[Tensor, " F"], k: int) -> Int64[Tensor, " K"]:
    """The latents of the k largest effects above 0; of equal ones the lower number comes first."""
    order_F = effects_F.sort(descending=True, stable=True).indices[:k]
    return order_F[effects_F[order_F] > 0]


def _accuracies(probes: Probes, x_ND: Float[Tensor, "N D"], answers_CN: Bool[Tensor, "C N"]) -> Float64[Tensor, " C"]:
    found = [
        balanced_accuracy(logits_N, yes_N) for logits_N, yes_N in zip(probes.logits(x_ND), answers_CN, strict=True)
    ]
    return torch.tensor(found, dtype=torch.float64)
