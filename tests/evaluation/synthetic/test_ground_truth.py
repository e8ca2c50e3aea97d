import math

import numpy as np
import pytest
import torch

from mistudio.evaluation.config import SYNTHETIC_SMALL
from mistudio.evaluation.synthetic.ground_truth import GroundTruth, one_of_each
from tests.evaluation.synthetic.conftest import dense, truth_of


def standard_errors(share, expected, tokens):
    """How many standard errors a share over `tokens` independent tokens lies from what is expected of it."""
    return abs(share - expected) / math.sqrt(expected * (1 - expected) / tokens)


TREES = {"features": 40, "roots": 3, "branching": 3, "depth": 2, "p_max": 0.7, "p_min": 0.02, "d_in": 48}


def test_a_batch_is_decided_by_seed_split_and_number():
    truth, again = truth_of(**TREES), truth_of(**TREES)
    for split in ("train", "held_out"):
        first, second = truth.batch(7, split), again.batch(7, split)
        assert torch.equal(first.acts_BD, second.acts_BD)
        assert torch.equal(first.code.values_BK, second.code.values_BK)
    assert not torch.equal(truth.batch(7).acts_BD, truth.batch(8).acts_BD)
    assert not torch.equal(truth.batch(7).acts_BD, truth.batch(7, "held_out").acts_BD)
    assert not torch.equal(truth.batch(7).acts_BD, truth_of(**TREES, seed=1).batch(7).acts_BD)


def test_activations_are_the_sum_that_the_code_says():
    truth = truth_of(**TREES)
    batch = truth.batch(0)
    expected = dense(truth, 1).double() @ truth.directions_GD.double() + truth.bias_D.double()
    torch.testing.assert_close(batch.acts_BD.double(), expected, atol=1e-5, rtol=1e-5)
    assert truth.bias_D.norm() == pytest.approx(0.5)
    assert truth.directions_GD.norm(dim=1) == pytest.approx(torch.ones(40), abs=1e-6)


def test_a_feature_stands_once_in_the_code_of_a_token():
    truth = truth_of(**TREES)
    code = truth.batch(0).code
    for values, features in zip(code.values_BK, code.latents_BK, strict=True):
        firing = features[values != 0]
        assert (values >= 0).all()
        assert firing.tolist() == sorted(set(firing.tolist()))


def test_independent_features_fire_as_often_as_zipf_wants_and_with_their_magnitudes():
    truth = truth_of(p_max=0.5, p_min=0.05)
    values = dense(truth, 20)
    shares = (values > 0).double().mean(0)
    for share, expected in zip(shares.tolist(), truth.forest.frequency_G, strict=True):
        assert standard_errors(share, expected, len(values)) < 4.5
    for feature in (0, 11):
        fired = values[:, feature][values[:, feature] > 0]
        assert float(fired.mean()) == pytest.approx([5.0, 4.0][feature // 11], abs=4.5 * 0.3 / math.sqrt(len(fired)))
        assert float(fired.std()) == pytest.approx(0.3, rel=0.1)
    assert truth.l0 == pytest.approx(float((values > 0).sum(1).double().mean()), rel=0.01)


def test_in_trees_every_feature_fires_as_often_as_is_computed():
    truth = truth_of(**TREES)
    shares = (dense(truth, 30) > 0).double().mean(0)
    for share, expected in zip(shares.tolist(), truth.forest.frequency_G, strict=True):
        assert standard_errors(share, expected, 60_000) < 4.5


def test_no_child_fires_without_its_parent_nor_beside_its_sibling():
    truth = truth_of(**TREES, correlation_scale=0.15)
    fires = dense(truth, 10) > 0
    parents = truth.forest.parent_G
    children = np.flatnonzero(parents >= 0)
    assert (fires[:, children] <= fires[:, parents[children]]).all()
    siblings = fires[:, 3:].T[: len(children)].reshape(-1, 3, len(fires)).sum(1)
    assert int(siblings.max()) == 1


def test_siblings_may_fire_together_where_nothing_excludes_it():
    truth = truth_of(**TREES, exclusive_children=False)
    fires = dense(truth, 30) > 0
    first, second, parent = fires[:, 3], fires[:, 4], fires[:, 0]
    # Given the parent they are independent.
    expected = truth.forest.proposed_G[3] * truth.forest.proposed_G[4]
    together = (first & second)[parent].double().mean().item()
    assert standard_errors(together, expected, int(parent.sum())) < 4.5


def test_a_child_is_scaled_by_its_parent_only_where_that_is_wanted():
    tree = {"features": 2, "roots": 1, "branching": 1, "depth": 1, "p_max": 0.9, "p_min": 0.9, "spread_mean": 1.0}
    for scaled in (True, False):
        values = dense(truth_of(**tree, scale_children=scaled), 10).double()
        parent, child = values[(values > 0).all(1)].T
        # child/4 = (own magnitude/4) · (parent/5): regressed on the parent, the slope is 4/5, or 0.
        slope = float(torch.cov(torch.stack([parent, child]))[0, 1] / parent.var())
        assert slope == pytest.approx(0.8 if scaled else 0.0, abs=0.04)


def test_common_causes_make_features_fire_together_as_a_gaussian_copula_says():
    truth = truth_of(features=3, p_max=0.5, p_min=0.5, correlation_rank=2, correlation_scale=0.6)
    fires = dense(truth, 40) > 0
    correlations = truth.common_GR @ truth.common_GR.T
    assert np.abs(correlations[np.triu_indices(3, 1)]).max() > 0.1
    for one, other in ((0, 1), (0, 2), (1, 2)):
        # Of two Gaussians of correlation r, both exceed their median with chance 1/4 + asin(r)/2π (Sheppard 1899).
        expected = 0.25 + math.asin(correlations[one, other]) / (2 * math.pi)
        share = (fires[:, one] & fires[:, other]).double().mean().item()
        assert standard_errors(share, expected, len(fires)) < 4.5
        assert standard_errors(fires[:, one].double().mean().item(), 0.5, len(fires)) < 4.5


def test_common_causes_never_take_all_the_variance_of_a_feature():
    truth = truth_of(correlation_rank=50, correlation_scale=1.0)
    assert (truth.common_GR**2).sum(1) == pytest.approx(np.full(12, 0.99))


def test_one_of_those_proposed_is_picked_each_as_often():
    proposed = np.tile([[True, False, True, True], [False, False, False, False]], (6000, 1))
    picked = one_of_each(proposed, np.random.default_rng(0))
    assert not picked[1::2].any()
    assert (picked[::2].sum(1) == 1).all()
    assert not (picked & ~proposed).any()
    for share in picked[::2].mean(0)[[0, 2, 3]]:
        assert standard_errors(share, 1 / 3, 6000) < 4.5


def test_nothing_fires_where_nothing_is_likely_to():
    truth = truth_of(features=2, p_max=1e-9, p_min=1e-9, batch_tokens=5)
    batch = truth.batch(0)
    assert batch.code.values_BK.tolist() == [[0.0]] * 5
    torch.testing.assert_close(batch.acts_BD, truth.bias_D.expand(5, -1))


def test_the_small_preset_has_the_l0_that_it_says():
    truth = GroundTruth(SYNTHETIC_SMALL)
    measured = sum(int((truth.batch(number).code.values_BK > 0).sum()) for number in range(8)) / (8 * 1024)
    assert truth.l0 == pytest.approx(10.9, abs=0.1)
    assert measured == pytest.approx(truth.l0, rel=0.03)
