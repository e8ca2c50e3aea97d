"""The rule that leaves tokens out."""

from __future__ import annotations

import json

import pytest
import torch

from mistudio.activations.outliers import TokenFilter, calibrate
from mistudio.errors import BadInput


def rows_of_norm(*norms: float) -> torch.Tensor:
    rows = torch.zeros(len(norms), 4)
    rows[:, 1] = torch.tensor(norms)
    return rows


def test_a_planted_massive_token_is_left_out():
    norms = torch.cat([torch.full((99,), 26.0), torch.tensor([3_500.0])])
    rule = calibrate(norms, special_ids=frozenset(), multiple=10.0)
    keep = rule.keep(torch.arange(100), norms[:, None])
    assert keep.tolist() == [True] * 99 + [False]
    assert (rule.median_norm, rule.max_norm) == (26.0, 260.0)


def test_a_norm_at_the_threshold_is_kept():
    rule = TokenFilter(max_norm=10.0)
    assert rule.keep(torch.arange(2), rows_of_norm(10.0, 10.001)).tolist() == [True, False]


def test_special_ids_are_left_out_whatever_their_norm_and_id_0_is_one():
    rule = TokenFilter(frozenset({0, 2}))
    assert rule.keep(torch.tensor([0, 1, 2, 3]), rows_of_norm(1, 1, 1, 1)).tolist() == [False, True, False, True]


def test_a_filter_without_rules_keeps_everything():
    assert TokenFilter().keep(torch.tensor([0, 1]), rows_of_norm(0.0, 1e9)).all()


def test_kept_special_and_massive_are_counted_once_each():
    rule = TokenFilter(frozenset({0}), max_norm=10.0)
    verdict = rule.judge(torch.tensor([0, 0, 5, 5, 5]), rows_of_norm(1, 99, 1, 99, 2))
    assert (verdict.kept, verdict.special, verdict.massive) == (2, 2, 1)
    assert int(verdict.keep_B.sum()) == verdict.kept


def test_sixteen_bit_activations_are_measured_in_float32():
    acts = torch.full((1, 4096), 2_000.0, dtype=torch.float16)
    rule = TokenFilter(max_norm=130_000.0)
    assert rule.keep(torch.tensor([1]), acts).tolist() == [True]


def test_a_massive_minority_does_not_move_the_threshold():
    norms = torch.tensor([1.0] * 60 + [1e6] * 40)
    assert calibrate(norms, special_ids=frozenset(), multiple=10.0).max_norm == 10.0


def test_a_filter_survives_its_description():
    rule = calibrate(torch.rand(101) + 1, special_ids=frozenset({0, 7}), multiple=10.0)
    described = json.loads(json.dumps(rule.describe()))
    assert TokenFilter.from_description(described) == rule
    assert "special tokens" in described["rule"]
    assert "10 × the median norm" in described["rule"]


def test_nothing_excluded_is_said_so():
    assert TokenFilter().describe()["rule"] == "nothing is excluded"


@pytest.mark.parametrize("norms", [[], [float("nan"), 1.0], [0.0, 0.0, 0.0], [float("inf")] * 3])
def test_norms_without_a_usable_median_are_refused(norms):
    with pytest.raises(BadInput, match="no usable median norm"):
        calibrate(torch.tensor(norms), special_ids=frozenset(), multiple=10.0)


def test_activations_that_are_not_numbers_are_refused_not_dropped():
    with pytest.raises(BadInput, match="not numbers"):
        TokenFilter(max_norm=1.0).keep(torch.tensor([1]), torch.full((1, 3), float("nan")))
