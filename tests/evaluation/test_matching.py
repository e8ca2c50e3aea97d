import itertools
import math

import pytest
import torch

from mistudio.errors import ArtifactBroken
from mistudio.evaluation import matching
from mistudio.evaluation.matching import best_matching, mean_correlation, nearest, nearest_other


def drawn(rows, width, seed=0):
    return torch.randn((rows, width), generator=torch.Generator().manual_seed(seed))


def by_brute_force(first_MD, second_ND):
    """The best sum of absolute cosines over every injection of the shorter side."""
    cosines = torch.cosine_similarity(first_MD[:, None], second_ND[None], dim=-1).abs()
    if cosines.shape[0] > cosines.shape[1]:
        cosines = cosines.T
    rows, columns = cosines.shape
    return max(
        sum(float(cosines[row, column]) for row, column in enumerate(chosen)) / rows
        for chosen in itertools.permutations(range(columns), rows)
    )


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (4, 4), (3, 6), (6, 3)])
def test_mcc_is_that_of_the_best_of_all_one_to_one_matchings(rows, columns):
    first, second = drawn(rows, 3, seed=rows), drawn(columns, 3, seed=10 + columns)
    assert mean_correlation(first, second) == pytest.approx(by_brute_force(first, second), rel=1e-6)


def test_the_best_matching_is_not_the_greedy_one():
    # Cosines [[1, 0.8], [0.8, 0.28]]: taking the largest first leaves 0.28, and 0.8 + 0.8 is more than 1.28.
    first = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
    second = torch.tensor([[1.0, 0.0], [0.8, -0.6]])
    found = best_matching(first, second)
    assert found.columns_P.tolist() == [1, 0]
    assert found.cosines_P.tolist() == pytest.approx([0.8, 0.8])


def test_order_length_and_sign_of_rows_do_not_change_mcc():
    rows = drawn(20, 32)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    lengths = torch.linspace(-3, 7, 20)[:, None]
    assert mean_correlation(rows[order] * lengths, rows) == pytest.approx(1.0, abs=1e-6)


def test_a_signed_matching_shuns_the_opposite_direction():
    axes = torch.eye(3)
    assert best_matching(-axes, axes).cosines_P.tolist() == [-1, -1, -1]
    assert best_matching(-axes, axes, signed=True).cosines_P.tolist() == [0, 0, 0]


def test_a_row_of_zeros_is_like_nothing():
    assert mean_correlation(torch.tensor([[0.0, 0.0], [0.0, 2.0]]), torch.eye(2)) == 0.5


def test_noise_of_known_angle_gives_its_cosine():
    axes = torch.eye(8)
    turned = torch.cat([axes[:4] * math.cos(0.3) + axes[4:] * math.sin(0.3), axes[4:]])
    # Four rows at an angle of 0.3 to their own axis; the four others lie on theirs.
    assert mean_correlation(turned, axes) == pytest.approx((4 * math.cos(0.3) + 4) / 8, abs=1e-6)


def test_nearest_finds_the_largest_cosine_in_any_number_of_slices(monkeypatch):
    first, second = drawn(17, 5, seed=2), drawn(9, 5, seed=3)
    cosines = torch.cosine_similarity(first[:, None], second[None], dim=-1)
    monkeypatch.setattr(matching, "_SLICE_ELEMENTS", 20)
    values, where = nearest(first, second, signed=True)
    torch.testing.assert_close(values, cosines.amax(1))
    assert torch.equal(where, cosines.argmax(1))
    assert torch.equal(nearest(first, second)[1], cosines.abs().argmax(1))


def test_nearest_other_leaves_a_row_itself_out_in_any_number_of_slices(monkeypatch):
    rows = drawn(13, 4)
    cosines = torch.cosine_similarity(rows[:, None], rows[None], dim=-1).fill_diagonal_(-1)
    monkeypatch.setattr(matching, "_SLICE_ELEMENTS", 30)
    torch.testing.assert_close(nearest_other(rows, torch.arange(13)), cosines.amax(1))
    torch.testing.assert_close(nearest_other(rows, torch.tensor([5])), cosines.amax(1)[[5]])


def test_a_single_row_has_no_other():
    assert nearest_other(torch.ones(1, 3), torch.tensor([0])).tolist() == [0]


def test_what_is_not_finite_is_refused_and_so_is_what_is_too_large(monkeypatch):
    with pytest.raises(ArtifactBroken, match="not a finite number"):
        mean_correlation(torch.tensor([[math.nan, 1.0]]), torch.eye(2))
    monkeypatch.setattr(matching, "MATCHED_ELEMENTS", 3)
    with pytest.raises(ValueError, match="too many"):
        best_matching(torch.eye(2), torch.eye(2))
