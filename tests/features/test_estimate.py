from __future__ import annotations

import pytest

from mistudio.activations.estimate import RunningModel
from mistudio.features.config import FindConfig
from mistudio.features.estimate import EncodedText, estimate
from mistudio.hardware import Reached

MODEL = RunningModel(
    weights_bytes=270 << 20, parameters=135_000_000, d_model=576, n_layers=30, layer=15, batch_tokens=4096
)


def text(**changes: object) -> EncodedText:
    options = {"d_in": 576, "d_sae": 4608, "active": 32.0, "tokens": 1_000_000, "vocab_size": 49_152, "runs": False}
    return EncodedText(model=MODEL, **(options | changes))  # type: ignore[arg-type]


def test_disk_grows_with_the_activations_and_not_with_the_latents() -> None:
    small, large = estimate(FindConfig(), text()), estimate(FindConfig(), text(tokens=2_000_000))
    index = {part.name: part.bytes for part in small.disk}
    assert index["index"] == 32_000_000 * 10
    assert {part.name: part.bytes for part in large.disk}["index"] == 2 * index["index"]
    assert small.facts == {"tokens": 1_000_000, "activations": 32_000_000}


def test_memory_is_bounded_by_a_run() -> None:
    bounded = estimate(FindConfig(shard_activations=1 << 20), text())
    assert bounded.memory_bytes < estimate(FindConfig(), text()).memory_bytes
    assert estimate(FindConfig(), text(tokens=10**9)).memory_bytes == estimate(FindConfig(), text()).memory_bytes


def test_fewer_tokens_than_there_are_can_be_asked_for() -> None:
    assert estimate(FindConfig(max_tokens=1000), text()).facts["tokens"] == 1000


def test_a_model_that_runs_along_costs_time_and_room() -> None:
    reached = [Reached("earlier", 10_000.0, text().flop_per_token)]
    read, run = (estimate(FindConfig(), text(runs=runs), reached=reached) for runs in (False, True))
    assert read.seconds == pytest.approx(100.0)
    assert run.seconds is not None
    assert run.seconds > 10 * 100.0
    assert run.memory_bytes > read.memory_bytes


def test_on_a_gpu_the_tensors_are_there() -> None:
    found = estimate(FindConfig(), text(), device="cuda")
    assert {part.name for part in found.device_memory} >= {"model", "SAE"}
    assert not {part.name for part in found.memory} & {"model", "SAE"}
