"""How alike two sets of directions are: largest cosines, and the best one-to-one matching.

Rows may have any length; a row of zeros has cosine 0 to everything.

M, N rows of the two sets, D their width, P matched pairs = min(M, N).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mistudio.errors import ArtifactBroken

_SLICE_ELEMENTS = 1 << 24
"""Cosines held at a time where no more than the largest of a row is wanted: 64 MiB."""
MATCHED_ELEMENTS = 1 << 28
"""Most pairs of rows among which a matching is sought, such as 16,384 × 16,384: 4 GiB, and a minute or two."""


class Matching(NamedTuple):
    """Pairs of rows, each row in one pair at most."""

    rows_P: Int64[Tensor, " P"]
    """Rows of the first set, in ascending order."""
    columns_P: Int64[Tensor, " P"]
    """Their partners in the second."""
    cosines_P: Float[Tensor, " P"]
    """Of each pair; negative where they point in opposite directions."""


def unit_rows(rows_MD: Float[Tensor, "M D"]) -> Float[Tensor, "M D"]:
    """The rows in float32 on the processor, each of length 1, or 0 where it is zero.

    Raises:
        ArtifactBroken: a row holds NaN or infinity.
    """
    rows_MD = rows_MD.detach().float().cpu()
    if not rows_MD.isfinite().all():
        raise ArtifactBroken(
            "A decoder holds a value that is not a finite number, so that its directions can not be compared.",
            remedy="Train the SAE again with a lower learning rate.",
        )
    return torch.nn.functional.normalize(rows_MD, dim=-1)


def best_matching(first_MD: Float[Tensor, "M D"], second_ND: Float[Tensor, "N D"], *, signed: bool = False) -> Matching:
    """The one-to-one matching whose cosines add up to the most (the assignment problem, solved exactly).

    Args:
        signed: opposite directions are the worst match, and not as good as equal ones.

    Raises:
        ArtifactBroken: a row holds NaN or infinity.
        ValueError: there are more than `MATCHED_ELEMENTS` pairs.
    """
    if len(first_MD) * len(second_ND) > MATCHED_ELEMENTS:
        raise ValueError(f"{len(first_MD)} × {len(second_ND)} rows are too many to be matched")
    cosines_MN = unit_rows(first_MD) @ unit_rows(second_ND).T
    gain_MN = cosines_MN if signed else cosines_MN.abs()
    rows_P, columns_P = (torch.from_numpy(each) for each in linear_sum_assignment(gain_MN.numpy(), maximize=True))
    return Matching(rows_P, columns_P, cosines_MN[rows_P, columns_P])


def mean_correlation(first_MD: Float[Tensor, "M D"], second_ND: Float[Tensor, "N D"]) -> float:
    """MCC: the mean absolute cosine of the best matching's pairs, from 0 to 1 (arXiv 2505.20254).

    Raises:
        ArtifactBroken: a row holds NaN or infinity.
        ValueError: there are more than `MATCHED_ELEMENTS` pairs.
    """
    return float(best_matching(first_MD, second_ND).cosines_P.abs().mean())


def nearest(
    first_MD: Float[Tensor, "M D"], second_ND: Float[Tensor, "N D"], *, signed: bool = False
) -> tuple[Float[Tensor, " M"], Int64[Tensor, " M"]]:
    """The largest cosine of each row of the first set to a row of the second, and to which.

    Args:
        signed: take cosines, and not their absolute values.

    Raises:
        ArtifactBroken: a row holds NaN or infinity.
    """
    first_MD, second_ND = unit_rows(first_MD), unit_rows(second_ND)
    size = max(1, _SLICE_ELEMENTS // max(1, len(second_ND)))
    found = []
    for part_MD in torch.split(first_MD, size):
        cosines_MN = part_MD @ second_ND.T
        found.append((cosines_MN if signed else cosines_MN.abs()).max(dim=1))
    return torch.cat([each.values for each in found]), torch.cat([each.indices for each in found])


def nearest_other(rows_MD: Float[Tensor, "M D"], asked_Q: Int64[Tensor, " Q"]) -> Float[Tensor, " Q"]:
    """The largest cosine of each row asked about to any other row of the same set; 0 where there is no other.

    Raises:
        ArtifactBroken: a row holds NaN or infinity.
    """
    units_MD = unit_rows(rows_MD)
    if len(units_MD) < 2:
        return torch.zeros(len(asked_Q))
    size = max(1, _SLICE_ELEMENTS // len(units_MD))
    found = []
    for part_Q in torch.split(asked_Q.cpu(), size):
        cosines_QM = units_MD[part_Q] @ units_MD.T
        cosines_QM[torch.arange(len(part_Q)), part_Q] = -torch.inf
        found.append(cosines_QM.amax(dim=1))
    return torch.cat(found)
