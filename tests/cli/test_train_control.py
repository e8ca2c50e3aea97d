"""`mistudio train` with validation, a rate that is looked for, and advice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.made_up_recording import made_up_recording

SMALL = ("--k", 3, "--d-sae", 64, "--aux-k", 8, "--batch-size", 64, "--buffer-tokens", 2048, "--warmup-steps", 20)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_recording(tmp_path_factory.mktemp("made-up") / "acts").path


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "home")


def test_it_looks_for_the_rate_and_takes_the_best_state(program: Program, recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "sae"
    options = ("--tokens", 25_600, "--lr", "auto", "--validate-every", 50, "--finish-with", "best", "--patience", 9)
    done = program.ok("train", "--activations", recording, *SMALL, *options, "--out", out)
    for words in ("rates tried", "lowest FVU on held-back tokens", "made from step"):
        assert words in done.out
    assert (out / "validation.jsonl").read_text().count("\n") == 8


def test_it_says_what_is_likely_to_go_wrong(program: Program, recording: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "sae", "--json")
    done = program.ok("train", "--activations", recording, *SMALL, "--tokens", 2560, "--lr", "0.5", *out)
    assert "Note: The learning rate 0.5 is far above what trains 64 latents in 40 steps" in done.err
    assert done.json["learning_rate"] == 0.5


def test_a_rate_that_is_none_is_refused_by_its_option(program: Program, recording: Path, tmp_path: Path) -> None:
    done = program("train", "--activations", recording, "--lr", "fast", "--out", tmp_path / "sae")
    assert done.code == 2
    assert "--lr" in done.error[0]


def test_patience_without_validation_is_refused(program: Program, recording: Path, tmp_path: Path) -> None:
    done = program("train", "--activations", recording, "--patience", 3, "--out", tmp_path / "sae")
    assert done.code == 2
    assert "validate_every" in done.error[0]
