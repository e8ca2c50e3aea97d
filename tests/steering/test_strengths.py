"""Strengths to begin with."""

import pytest

from mistudio.errors import BadInput
from mistudio.steering.strengths import MODERATE, STRONG, SUBTLE, strength_of_push, suggest


@pytest.mark.parametrize(("largest", "median"), [(4.0, 166.8), (50.0, 166.8), (900.0, 166.8), (0.7, 12.0)])
def test_a_suggestion_pushes_by_shares_of_the_median_norm(largest: float, median: float) -> None:
    suggested = suggest(largest, median)
    strengths = (suggested.subtle, suggested.moderate, suggested.strong)
    for strength, share in zip(strengths, (SUBTLE, MODERATE, STRONG), strict=True):
        assert strength * largest / median == pytest.approx(share, rel=0.1)
        assert strength == strength_of_push(share, largest, median)
    assert "30%" in suggested.reason


def test_where_no_norm_is_known_multiples_of_the_largest_activation_are_suggested() -> None:
    suggested = suggest(3.0, None)
    assert (suggested.subtle, suggested.moderate, suggested.strong) == (0.5, 1.0, 2.0)
    assert "not known" in suggested.reason


def test_a_latent_that_was_never_active_gets_no_suggestion() -> None:
    with pytest.raises(BadInput, match="never active"):
        suggest(0.0, 12.0)
