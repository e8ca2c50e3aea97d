"""What an estimate says, beside what real runs take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mistudio.activations.estimate import RunningModel
from mistudio.hardware import Reached
from mistudio.sae.config import TopKConfig
from mistudio.training.config import TrainConfig
from mistudio.training.estimate import Activations, estimate, flop_per_token
from mistudio.training.layout import CHECKPOINTS, LOG
from tests.made_up_recording import HOOK, made_up_recording

_RUN = """
import json, sys, threading, time
from pathlib import Path

def anonymous_bytes():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024

highest = {"memory": 0, "checkpoints": 0}

def watch():
    while True:
        highest["memory"] = max(highest["memory"], anonymous_bytes())
        time.sleep(0.005)

threading.Thread(target=watch, daemon=True).start()
from mistudio.activations.stream import RecordedSource
from mistudio.training import together, train as module
from mistudio.training.config import TrainConfig

save = together.save_checkpoint

def saved(folder, *rest):
    save(folder, *rest)
    files = [path for path in (folder / sys.argv[5]).rglob("*") if path.is_file()]
    highest["checkpoints"] = max(highest["checkpoints"], sum(path.stat().st_size for path in files))

together.save_checkpoint = saved
source = RecordedSource(sys.argv[1], hook=sys.argv[2])
module.train(source, TrainConfig.model_validate_json(sys.argv[3]), sys.argv[4])
print(json.dumps(highest))
"""

SHAPES = {
    "wide": ({"d": 128, "tokens": 20_000}, {"d_sae": 24_576, "buffer_tokens": 16_384}),
    "long buffer": ({"d": 512, "tokens": 160_000}, {"d_sae": 2048, "buffer_tokens": 160_000}),
    "float32": ({"d": 512, "tokens": 40_000, "dtype": "float32"}, {"d_sae": 8192, "buffer_tokens": 40_000}),
    "tiny": ({"d": 32, "tokens": 10_000}, {"d_sae": 128, "buffer_tokens": 4096}),
}


@pytest.mark.skipif(
    not Path("/proc/self/status").is_file(), reason="only Linux says how much memory is a process's own"
)
@pytest.mark.parametrize("shape", SHAPES)
def test_memory_and_disk_are_what_a_real_run_takes(shape, tmp_path):
    recorded, options = SHAPES[shape]
    made_up_recording(tmp_path / "recording", **recorded)
    config = TrainConfig(
        sae=TopKConfig(k=16, d_sae=options["d_sae"]),
        tokens=20 * 1024,
        batch_size=1024,
        buffer_tokens=options["buffer_tokens"],
        dead_after_tokens=4096,
        checkpoint_every=8,
    )
    command = [sys.executable, "-c", _RUN, str(tmp_path / "recording"), HOOK, config.model_dump_json()]
    command += [str(tmp_path / "sae"), CHECKPOINTS]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    ran = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    measured = json.loads(ran.stdout)

    value_bytes = 4 if recorded.get("dtype") == "float32" else 2
    expected = estimate(config, Activations(recorded["d"], recorded["tokens"], value_bytes))
    assert expected.memory_bytes == pytest.approx(measured["memory"], rel=0.25)
    disk = {part.name: part.bytes for part in expected.disk}
    weights = sum(
        (tmp_path / "sae" / name).stat().st_size for name in ("sae_weights.safetensors", "sparsity.safetensors")
    )
    assert disk["SAE"] == pytest.approx(weights, rel=0.05, abs=4096)
    # Two lie side by side for a moment.
    assert disk["checkpoints"] == pytest.approx(2 * measured["checkpoints"], rel=0.25, abs=16_384)
    assert disk["log"] == pytest.approx((tmp_path / "sae" / LOG).stat().st_size, rel=0.5)


def test_a_model_that_runs_along_is_a_part_of_the_memory_and_of_the_time():
    model = RunningModel(500_000_000, 250_000_000, d_model=64, n_layers=4, layer=1, batch_tokens=2048)
    config, recorded = TrainConfig(), Activations(64, 1_000_000, 2)
    live = Activations(64, 1_000_000, 2, model=model)
    assert {part.name for part in estimate(config, live).memory} >= {
        "model",
        "forward pass",
        "weights",
        "shuffle buffer",
    }
    assert estimate(config, live).memory_bytes - estimate(config, recorded).memory_bytes > 400_000_000
    assert flop_per_token(config, live) == flop_per_token(config, recorded) + 250_000_000


def test_on_a_gpu_the_tensors_are_a_part_of_the_gpus_memory_only():
    live = Activations(64, 1_000_000, 2, model=RunningModel(500, 250, 64, 4, 1, 2048))
    here, there = estimate(TrainConfig(), live), estimate(TrainConfig(), live, device="cuda")
    names = {part.name for part in there.device_memory}
    assert {"model", "weights", "Adam's moments"} <= names
    assert not names & {part.name for part in there.memory}
    assert here.memory_bytes == there.memory_bytes + there.device_memory_bytes


def test_nobody_knows_the_time_before_something_has_run():
    expected = estimate(TrainConfig(), Activations(64, 1_000_000, 2))
    assert expected.seconds is None
    assert "nothing of this kind has run" in expected.seconds_basis


def test_the_time_comes_from_the_run_that_cost_most_nearly_as_much():
    activations = Activations(64, 1_000_000, 2)
    config = TrainConfig(tokens=100 * 2048)
    cost = flop_per_token(config, activations)
    slow, near = Reached("slow", 10.0, cost * 100), Reached("near", 1000.0, cost * 2)
    expected = estimate(config, activations, reached=[slow, near])
    assert expected.seconds == pytest.approx(100 * 2048 / 2000)
    assert expected.seconds_basis == "near reached 1,000 tokens/s on this machine"


def test_a_run_on_a_model_takes_the_time_of_a_recording_and_of_a_run_on_it():
    model = RunningModel(500, 250, d_model=64, n_layers=4, layer=3, batch_tokens=2048)
    config, live = TrainConfig(tokens=100 * 2048), Activations(64, 1_000_000, 2, model=model)
    ran = Reached("recorded", 100.0, model.flop_per_token)
    trained = Reached("trained", 1000.0, flop_per_token(config, Activations(64, 1_000_000, 2)))
    expected = estimate(config, live, reached=[trained], model_reached=[ran])
    assert expected.seconds == pytest.approx(100 * 2048 * (1 / 100 + 1 / 1000))
    assert "recorded" in expected.seconds_basis
    assert "trained" in expected.seconds_basis
    assert estimate(config, live, model_reached=[ran]).seconds is None


def test_the_facts_are_those_of_the_configuration():
    config = TrainConfig(tokens=100 * 2048)
    facts = estimate(config, Activations(64, 51_200, 2)).facts
    assert (facts["steps"], facts["d_sae"], facts["passes"]) == (100, 512, 4.0)
    assert facts["learning_rate"] == config.learning_rate(512)


def test_a_run_of_any_length_has_about_ten_checkpoints_but_no_less_than_every_250_steps() -> None:
    def between(steps: int) -> int:
        return TrainConfig(tokens=steps * 2048, batch_size=2048).checkpoint_steps()

    assert [between(steps) for steps in (5, 146, 1000, 100_000)] == [10, 14, 100, 250]
    assert TrainConfig(checkpoint_every=7).checkpoint_steps() == 7


def test_parts_of_a_batch_need_less_and_whitening_needs_more() -> None:
    def device_bytes(**options: object) -> dict[str, int]:
        config = TrainConfig.model_validate({"batch_size": 65_536, **options})
        parts = estimate(config, Activations(512, 1_000_000, 2), device="cuda").device_memory
        return {part.name: part.bytes for part in parts}

    usual, split, whitened = device_bytes(), device_bytes(accumulate=8), device_bytes(normalisation="whiten")
    assert split["gradients"] == 2 * usual["gradients"]
    assert split["step"] < usual["step"] / 4
    assert whitened == usual | {"whitening": 2 * 4 * 512 * 512}
    assert device_bytes(precision="float32")["encoder copy"] == 2 * usual["encoder copy"]
