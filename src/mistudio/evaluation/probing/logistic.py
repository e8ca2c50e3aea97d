"""Logistic regression, many probes at once, in float64, without another library.

1. Inputs are standardised with the mean and standard deviation of the training samples; constant ones become zero.
2. All probes of a call are one convex problem, the sum of theirs: each the weighted sum of −log p(answer) over the
   samples plus ½ · l2 · ‖w‖², the bias unpenalised. Weights are 0 at the start, so that nothing depends on a seed.
3. L-BFGS with a strong Wolfe line search until the largest gradient, by the number of samples, is below 1e-8.
4. Weights are given back in units of the inputs, so that they are a direction in the space of activations.

The optimum is the one that scikit-learn's LogisticRegression(C=1/l2) finds on the same standardised inputs, with
class_weight="balanced" where `balanced`.

C probes, N samples, D inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from mistudio.progress import Progress, Silent

_GRADIENT = 1e-8
_CHANGE = 1e-16
_HISTORY = 20
_CONSTANT = 1e-12
"""Of an input's mean: a deviation up to it is rounding."""


@dataclass(frozen=True)
class Probes:
    """Linear probes: the answer is yes where the logit is above 0."""

    weights_CD: Float64[Tensor, "C D"]
    bias_C: Float64[Tensor, " C"]

    def logits(self, x: Float[Tensor, "N D"] | Float[Tensor, "C N D"]) -> Float64[Tensor, "C N"]:
        """The log odds of yes for each sample; `x` is what all probes read, or has a part for each."""
        return _products(x.double(), self.weights_CD) + self.bias_C[:, None]


def fit_probes(
    x: Float[Tensor, "N D"] | Float[Tensor, "C N D"],
    answers_CN: Bool[Tensor, "C N"],
    *,
    l2: float,
    balanced: bool,
    max_steps: int = 500,
    progress: Progress | None = None,
) -> Probes:
    """Fit one probe a row of `answers_CN`.

    Args:
        x: inputs that all probes share, or each probe's own.
        answers_CN: which samples belong to the probe's class; both answers must occur in every row.
        l2: penalty on squared weights of standardised inputs.
        balanced: let the two answers weigh alike; else every sample weighs 1.
        max_steps: of L-BFGS.
        progress: asked before every step whether to go on.

    Raises:
        ValueError: a row has one answer only.
        Interrupted: `progress` asked to stop.
    """
    yes_C = answers_CN.sum(1)
    samples = answers_CN.shape[1]
    if bool(((yes_C == 0) | (yes_C == samples)).any()):
        raise ValueError("every probe needs samples of both answers")
    x = x.double()
    mean, deviation = x.mean(-2, keepdim=True), x.std(-2, correction=0, keepdim=True)
    # A constant input becomes 0 and gets no weight; rounding leaves it a deviation.
    scale = torch.where(deviation > _CONSTANT * mean.abs(), deviation, torch.inf)
    inputs = (x - mean).div_(scale)
    del x
    signs_CN = answers_CN.double() * 2 - 1
    weight_CN = _sample_weights(answers_CN) if balanced else torch.ones_like(signs_CN)
    weights_CD, bias_C = _minimise(inputs, signs_CN, weight_CN, l2, max_steps, progress or Silent())
    weights_CD = weights_CD / _per_probe(scale)
    return Probes(weights_CD, bias_C - (weights_CD * _per_probe(mean)).sum(1))


def _sample_weights(answers_CN: Bool[Tensor, "C N"]) -> Float64[Tensor, "C N"]:
    """N / 2n for a sample of an answer that n samples have."""
    yes_C1 = answers_CN.sum(1, keepdim=True).double()
    samples = answers_CN.shape[1]
    return torch.where(answers_CN, samples / (2 * yes_C1), samples / (2 * (samples - yes_C1)))


def _minimise(
    inputs: Float64[Tensor, "N D"] | Float64[Tensor, "C N D"],
    signs_CN: Float64[Tensor, "C N"],
    weight_CN: Float64[Tensor, "C N"],
    l2: float,
    max_steps: int,
    progress: Progress,
) -> tuple[Float64[Tensor, "C D"], Float64[Tensor, " C"]]:
    probes, samples = signs_CN.shape
    weights_CD = torch.zeros((probes, inputs.shape[-1]), dtype=torch.float64, device=inputs.device, requires_grad=True)
    bias_C = torch.zeros(probes, dtype=torch.float64, device=inputs.device, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weights_CD, bias_C],
        max_iter=max_steps,
        max_eval=2 * max_steps,
        tolerance_grad=_GRADIENT,
        tolerance_change=_CHANGE,
        history_size=_HISTORY,
        line_search_fn="strong_wolfe",
    )

    def loss() -> float:
        progress.checkpoint()
        optimiser.zero_grad()
        margins_CN = signs_CN * (_products(inputs, weights_CD) + bias_C[:, None])
        data = (weight_CN * torch.nn.functional.softplus(-margins_CN)).sum()
        total = (data + 0.5 * l2 * weights_CD.square().sum()) / samples
        total.backward()  # type: ignore[no-untyped-call]
        return float(total.detach())

    with torch.inference_mode(False), torch.enable_grad():
        optimiser.step(loss)  # type: ignore[no-untyped-call]
    return weights_CD.detach(), bias_C.detach()


def _products(x: Tensor, weights_CD: Float64[Tensor, "C D"]) -> Float64[Tensor, "C N"]:
    return weights_CD @ x.T if x.dim() == 2 else torch.bmm(x, weights_CD[:, :, None])[..., 0]


def _per_probe(statistic: Tensor) -> Tensor:
    """`1 D` or `C 1 D` as what broadcasts with `C D`."""
    return statistic if statistic.dim() == 2 else statistic[:, 0]
