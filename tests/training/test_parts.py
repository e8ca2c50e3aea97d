"""Schedule, dead latents, starting point."""

from __future__ import annotations

import itertools

import pytest
import torch

from mistudio.errors import EmptyCorpus
from mistudio.sae.live_code import LiveCode
from mistudio.training.config import TrainConfig
from mistudio.training.dead_latents import FiringRecord
from mistudio.training.schedules import lr_factor
from mistudio.training.starting_point import geometric_median, starting_point


def test_the_learning_rate_rises_stays_and_falls() -> None:
    factors = [lr_factor(step, 100, 10, 0.2) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == factors[50] == factors[80] == 1.0
    assert factors[99] == pytest.approx(0.05)
    assert all(later <= earlier for earlier, later in itertools.pairwise(factors[10:]))


def test_no_warm_up_and_no_decay_leave_the_rate_alone() -> None:
    assert {lr_factor(step, 10, 0, 0.0) for step in range(10)} == {1.0}


def test_the_chosen_rate_is_the_measured_best_at_its_anchor_and_falls_with_width_and_steps() -> None:
    anchor = TrainConfig(tokens=800 * 2048)
    assert anchor.learning_rate(4608) == pytest.approx(3e-3)
    assert anchor.learning_rate(16 * 4608) == pytest.approx(3e-3 / 4)
    assert TrainConfig(tokens=3200 * 2048).learning_rate(4608) == pytest.approx(1.5e-3)
    assert TrainConfig(lr=0.5).learning_rate(4608) == 0.5


def test_a_latent_is_dead_after_its_tokens_of_silence_and_alive_once_it_fires() -> None:
    record = FiringRecord(4, dead_after=6, device=torch.device("cpu"))
    quiet = LiveCode(torch.tensor([1.0, 1.0, 0.0]), torch.tensor([0, 1, 3]), torch.arange(4))
    record.count(quiet)
    assert record.dead_F().tolist() == [False] * 4
    record.count(quiet)
    assert record.dead_F().tolist() == [False, False, True, True]  # a zero is not firing
    record.count(LiveCode(torch.tensor([2.0]), torch.tensor([3]), torch.arange(2)))
    assert record.dead_F().tolist() == [False, False, True, False]
    assert record.firing_share_F().tolist() == pytest.approx([2 / 7, 2 / 7, 0, 1 / 7])


def test_the_geometric_median_withstands_outliers() -> None:
    points_BD = torch.randn((200, 5), generator=torch.Generator().manual_seed(0))
    points_BD[:20] += 1000
    assert float(geometric_median(points_BD).norm()) < 1.0
    assert float(points_BD.mean(0).norm()) > 100


def test_the_geometric_median_minimises_the_mean_distance() -> None:
    points_BD = torch.randn((300, 3), generator=torch.Generator().manual_seed(1)) ** 2
    median_D = geometric_median(points_BD)
    here = (points_BD - median_D).norm(dim=1).mean()
    for axis in range(3):
        for move in (-0.01, 0.01):
            shifted_D = median_D.clone()
            shifted_D[axis] += move
            assert float((points_BD - shifted_D).norm(dim=1).mean()) >= float(here)


def test_scaled_activations_have_mean_norm_root_d() -> None:
    sample_BD = torch.randn((500, 16), generator=torch.Generator().manual_seed(2)) * 37
    start = starting_point(sample_BD, "mean")
    assert float((start.normalisation.apply(sample_BD)).norm(dim=1).mean()) == pytest.approx(4.0)
    torch.testing.assert_close(start.centre_D, (start.normalisation.apply(sample_BD)).mean(0))


def test_activations_that_are_all_zero_are_refused() -> None:
    with pytest.raises(EmptyCorpus, match="zero"):
        starting_point(torch.zeros((10, 4)), "mean")
