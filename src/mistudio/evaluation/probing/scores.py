"""What a probe's answers are worth: accuracy, balanced accuracy, AUC, F1; each from logits and true answers.

A logit above 0 is a yes. N samples.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from mistudio.evaluation.probing.result import ProbeScores


def scores(logits_N: Float[Tensor, " N"], answers_N: Bool[Tensor, " N"]) -> ProbeScores:
    """All scores of one probe; both answers must occur."""
    return ProbeScores(
        accuracy=accuracy(logits_N, answers_N),
        balanced_accuracy=balanced_accuracy(logits_N, answers_N),
        auc=auc(logits_N, answers_N),
        f1=f1(logits_N, answers_N),
    )


def accuracy(logits_N: Float[Tensor, " N"], answers_N: Bool[Tensor, " N"]) -> float:
    """Share of right answers."""
    return float(((logits_N > 0) == answers_N).double().mean())


def balanced_accuracy(logits_N: Float[Tensor, " N"], answers_N: Bool[Tensor, " N"]) -> float:
    """Mean of the shares of right answers among the class and among the rest; both must occur."""
    right_N = ((logits_N > 0) == answers_N).double()
    return float((right_N[answers_N].mean() + right_N[~answers_N].mean()) / 2)


def auc(logits_N: Float[Tensor, " N"], answers_N: Bool[Tensor, " N"]) -> float:
    """Probability that a sample of the class has a larger logit than one of the rest; a tie counts half.

    Mann and Whitney 1947: from the ranks, tied logits sharing their mean rank. Both answers must occur.
    """
    _, place_N, counts = logits_N.unique(return_inverse=True, return_counts=True)  # type: ignore[no-untyped-call]
    mean_ranks = counts.cumsum(0).double() - (counts.double() - 1) / 2
    yes = int(answers_N.sum())
    above = float(mean_ranks[place_N][answers_N].sum()) - yes * (yes + 1) / 2
    return above / (yes * (len(answers_N) - yes))


def f1(logits_N: Float[Tensor, " N"], answers_N: Bool[Tensor, " N"]) -> float:
    """2 · right yeses / (yeses answered + samples of the class); 0 where there is neither."""
    said_N = logits_N > 0
    both = int(said_N.sum()) + int(answers_N.sum())
    return 2 * int((said_N & answers_N).sum()) / both if both else 0.0
