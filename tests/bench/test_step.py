"""`bench step`: ours, the others and the bare products, on the same activations."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mistudio.bench.result import StepBenchResult, read_result
from mistudio.bench.step import bench_step, synthetic_activations
from mistudio.errors import BadInput, Cancelled
from mistudio.progress import StopSwitch
from tests.bench.conftest import TINY, WORKING, stand_in


def test_our_step_is_measured_beside_a_peer_and_the_bare_products(tmp_path: Path) -> None:
    result = bench_step(TINY, stand_in(tmp_path, WORKING))
    (peer,) = result.peers
    assert peer.library == "stand-in 1.0"
    assert len(result.ours.seconds) == len(peer.seconds) == 3
    assert peer.best_seconds >= 0.05
    assert result.ratios[0].of_bests == pytest.approx(peer.best_seconds / result.ours.best_seconds)
    assert [limit.precision for limit in result.limits] == ["bfloat16", "float32"]
    assert result.ours.library.startswith("miStudio ")
    result.write(tmp_path / "results" / "step.json")
    assert read_result(StepBenchResult, tmp_path / "results" / "step.json") == result


def test_without_peers_ours_and_the_limits_remain_and_activations_may_be_given() -> None:
    result = bench_step(TINY, activations_ND=torch.randn(80, 16))
    assert (result.peers, result.ratios) == ((), ())
    assert result.above_limit.median_of_rounds > 0


def test_a_benchmark_stops_between_two_steps() -> None:
    switch = StopSwitch()
    switch.cancel()
    with pytest.raises(Cancelled):
        bench_step(TINY, progress=switch)


def test_activations_of_another_width_are_refused() -> None:
    with pytest.raises(BadInput, match="no batch of 32 × 16"):
        bench_step(TINY, activations_ND=torch.randn(64, 17))


def test_synthetic_activations_are_the_same_every_time_and_have_outspoken_directions() -> None:
    acts_ND = synthetic_activations(TINY)
    assert acts_ND.shape == (64, 16)
    assert torch.equal(acts_ND, synthetic_activations(TINY))
    assert not torch.equal(acts_ND, synthetic_activations(TINY.model_copy(update={"seed": 1})))
