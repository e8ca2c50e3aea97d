"""Ctrl-C, SIGTERM and kill -9: nothing half-written is visible, and the same command finishes the work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mistudio.activations.parquet import Recorded
from mistudio.artifacts.atomic import WORK, partial_of
from tests.cli.conftest import TRAIN, Walked

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def command_of(walked: Walked, verb: str, out: Path) -> tuple[object, ...]:
    corpus = ("--model", "tiny", "--corpus", "letters-tiny")
    return {
        "trace": ("trace", *corpus, "--layer", 1, "--batch-contexts", 16, "--out", out),
        "train": (
            "train", "--activations", walked.activations, *TRAIN, "--tokens", 8000, "--checkpoint-every", 7,
            "--out", out,
        ),
        "find": ("find", walked.sae, *corpus, "--batch-tokens", 64, "--out", out),
    }[verb]  # fmt: skip


def result_of(verb: str, out: Path) -> object:
    """All that decides whether two runs did the same."""
    if verb == "trace":
        parts = sorted((out / "resid_post.1").glob("*.parquet"))
        table: pa.Table = pa.concat_tables([pq.read_table(part) for part in parts])
        return table.replace_schema_metadata().combine_chunks()
    names = {"train": ["sae_weights.safetensors", "sparsity.safetensors"], "find": ["statistics.parquet"]}[verb]
    names += [path.relative_to(out).as_posix() for path in sorted((out / "index").glob("*"))]
    return [(name, (out / name).read_bytes()) for name in names]


@pytest.fixture(scope="module")
def uninterrupted(walked: Walked) -> dict[str, object]:
    results = {}
    for verb in ("trace", "train", "find"):
        out = walked.root / f"whole-{verb}"
        walked.run.ok(*command_of(walked, verb, out))
        results[verb] = result_of(verb, out)
    return results


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(("verb", "stage"), [("trace", "record"), ("train", "train"), ("find", "encode")])
def test_a_stopped_command_says_so_and_the_same_command_gives_the_same_result(
    walked: Walked, uninterrupted: dict[str, object], tmp_path: Path, verb: str, stage: str, number: signal.Signals
):
    out = tmp_path / "out"
    stopped = walked.run(*command_of(walked, verb, out), at=stage, send=(number,))

    assert stopped.code == 130
    assert stopped.out == ""
    *_, last = stopped.err.splitlines()
    assert last == (
        "Stopped as asked; what was finished is saved. Run the same command again to continue where it stopped."
    )
    assert "Traceback" not in stopped.err
    assert "Error" not in stopped.err
    assert not out.exists()
    assert partial_of(out).is_dir()

    walked.run.ok(*command_of(walked, verb, out))
    assert result_of(verb, out) == uninterrupted[verb]
    assert not partial_of(out).exists()


def test_the_handlers_of_signals_are_put_back(walked: Walked):
    before = [signal.getsignal(number) for number in SIGNALS]
    walked.run.ok("corpus", "stats", "letters-tiny")
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize(
    ("command", "stage"),
    [
        (("corpus", "add", "LETTERS", "--name", "stopped"), "read documents"),
        (("corpus", "tokenize", "letters", "--model", "tiny", "--name", "stopped"), "tokenize"),
    ],
)
def test_a_step_too_short_to_be_resumed_leaves_nothing(walked: Walked, command: tuple[str, ...], stage: str):
    arguments = [walked.root / "letters" if each == "LETTERS" else each for each in command]
    stopped = walked.run(*arguments, at=stage, send=(signal.SIGINT,))

    assert stopped.code == 130
    assert not list(walked.run.home.glob("*/*stopped*"))


def test_a_stopped_evaluation_prints_nothing(walked: Walked):
    command = ("eval", walked.sae, "--model", "tiny", "--corpus", "letters-tiny", "--json")
    stopped = walked.run(*command, at="reconstruct", send=(signal.SIGINT,))

    assert (stopped.code, stopped.out) == (130, "")


def test_a_second_ctrl_c_stops_at_once(walked: Walked, tmp_path: Path):
    out = tmp_path / "sae"
    twice = (signal.SIGINT, signal.SIGINT)
    stopped = walked.run(*command_of(walked, "train", out), at="train", send=twice)

    assert stopped.code == 130
    assert "Traceback" not in stopped.err
    assert not out.exists()


def test_other_options_do_not_continue_a_stopped_run(walked: Walked, tmp_path: Path):
    out = tmp_path / "sae"
    walked.run(*command_of(walked, "train", out), at="train", send=(signal.SIGINT,))
    other = walked.run(*command_of(walked, "train", out), "--seed", 5)

    assert other.code == 2
    assert "differs in: seed" in other.error[0]


@pytest.mark.slow
def test_a_killed_training_loses_a_checkpoint_interval_at_most_and_ends_the_same(
    walked: Walked, uninterrupted: dict[str, object], tmp_path: Path
):
    out = tmp_path / "sae"
    program = Path(sys.executable).with_name("microscope")
    command = [program, "--home", walked.run.home, *command_of(walked, "train", out)]
    process = subprocess.Popen([str(each) for each in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((partial_of(out) / WORK / "checkpoints").glob("step-*")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)

    assert process.wait() == -signal.SIGKILL
    assert not out.exists()
    assert Recorded.open(walked.activations, "resid_post.2").n_tokens > 0
    walked.run.ok(*command_of(walked, "train", out))
    assert result_of("train", out) == uninterrupted["train"]
