import numpy as np
import pytest
import torch

from mistudio.evaluation.synthetic.directions import crowding_gradient, pushed_apart, random_directions


def crowding(directions):
    products = directions @ directions.T
    return products.square().sum() - products.diagonal().square().sum()


def test_the_gradient_is_that_of_the_sum_over_all_pairs():
    directions = torch.randn((7, 4), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    directions.requires_grad_()
    crowding(directions).backward()
    torch.testing.assert_close(crowding_gradient(directions.detach()), directions.grad)


def test_fewer_features_than_dimensions_become_orthogonal():
    start = random_directions(8, 16, np.random.default_rng(0))
    found = pushed_apart(start, steps=600, rate=3e-3)
    torch.testing.assert_close(found @ found.T, torch.eye(8), atol=2e-3, rtol=0)


def test_more_features_than_dimensions_come_to_the_welch_bound():
    # Σ_{i≠j} cos² is at least G²/D − G (Welch 1974); random directions have G(G − 1)/D on average.
    found = pushed_apart(random_directions(512, 64, np.random.default_rng(0)), steps=100, rate=1e-3)
    assert float(crowding(found)) == pytest.approx(512**2 / 64 - 512, rel=1e-3)
    assert found.norm(dim=1) == pytest.approx(torch.ones(512), abs=1e-6)


def test_no_steps_change_nothing():
    start = random_directions(5, 4, np.random.default_rng(0))
    assert torch.equal(pushed_apart(start, steps=0, rate=1.0), start)
