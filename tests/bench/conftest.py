"""Results with round numbers, and stand-ins for other libraries that keep to the processes' protocol."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mistudio.bench.config import RecordBenchConfig, StepBenchConfig
from mistudio.bench.machine import Machine
from mistudio.bench.peers import PeersEnvironment
from mistudio.bench.result import Ratio, RecordBenchResult, StepBenchResult, Timing
from mistudio.bench.turns import Contender, Turn
from tests.activations.conftest import lm, tokens  # noqa: F401  fixtures

TINY = StepBenchConfig(d_in=16, d_sae=64, k=4, batch_size=32, rounds=3, warmup_steps=1, batches=2, threads=1)
MACHINE = Machine(
    cpu="Abacus 3000",
    cores=2,
    memory_gib=8.0,
    native_bfloat16=False,
    instructions=("avx2",),
    system="Linux x86_64, Python 3.11.0",
    torch="2.13.0",
)
WORKING = """
import time
def version():
    return "stand-in 1.0"
def build(options, batches):
    print("a library that talks")
    assert options["variant"] == "slow" and batches[0].shape == (options["batch_size"], options["d_in"])
    return lambda batch: time.sleep(0.05)
"""


def timing(name: str, *seconds: float, precision: str = "float32") -> Timing:
    turns = [Turn(each, 2 * each) for each in seconds]
    return Timing.of(name, turns, 2048, library=f"{name} 1.0", torch="2.13.0", precision=precision)


def stand_in(folder: Path, text: str, name: str = "stand-in") -> PeersEnvironment:
    step_file = folder / "stand_in_step.py"
    step_file.write_text(text)
    return PeersEnvironment((Contender(name, Path(sys.executable), step_file, "slow", "float32"),))


@pytest.fixture
def step_result() -> StepBenchResult:
    ours, peer = timing("miStudio", 0.2, 0.1, 0.4), timing("other", 0.8, 0.5, 1.2)
    limits = (timing("bfloat16 product alone", 0.1, 0.1, 0.1), timing("float32 product alone", 0.3, 0.3, 0.3))
    return StepBenchResult(
        mistudio_version="0.1.0",
        measured_at="2026-11-21T12:00:00+00:00",
        machine=MACHINE,
        threads=2,
        load_before=0.25,
        config=StepBenchConfig(rounds=3),
        ours=ours,
        peers=(peer,),
        limits=limits,
        ratios=(Ratio.between(peer, ours),),
        above_limit=Ratio.between(ours, limits[0]),
    )


@pytest.fixture
def record_result() -> RecordBenchResult:
    bare, recording = timing("forward pass alone", 1.9, 2.0), timing("recording", 2.0, 2.0)
    return RecordBenchResult(
        mistudio_version="0.1.0",
        measured_at="2026-11-21T12:00:00+00:00",
        machine=MACHINE,
        threads=2,
        load_before=None,
        config=RecordBenchConfig(rounds=2),
        model="tiny",
        context_length=256,
        recording=recording,
        bare=bare,
        speed=Ratio.between(bare, recording),
    )
