"""`mistudio finalize` on a run that was stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from mistudio.errors import Cancelled
from mistudio.sae.native_file import load_sae
from mistudio.training.config import TrainConfig
from mistudio.training.train import train
from tests.cli.program import Program
from tests.training.conftest import PlantedSource
from tests.training.conftest import config as config
from tests.training.test_train import StopAfter


@pytest.fixture
def stopped(config: TrainConfig, tmp_path: Path) -> Path:
    run = tmp_path / "home" / "saes" / "run"
    with pytest.raises(Cancelled):
        train(PlantedSource(), config.model_copy(update={"keep_checkpoints": 2}), run, progress=StopAfter(27))
    return run


def test_it_makes_an_sae_of_a_checkpoint_of_a_run_in_the_store(stopped: Path, tmp_path: Path) -> None:
    program, out = Program(tmp_path / "home"), tmp_path / "so-far"
    answer = program.ok("finalize", "run", "--step", 20, "--out", out, "--json").json
    assert (answer["path"], answer["taken_at_step"], answer["finished"]) == (str(out), 20, False)
    assert load_sae(out).d_sae == 64
    assert "taken at step" in program.ok("finalize", stopped, "--out", tmp_path / "newest").out


def test_it_names_the_checkpoints_that_there_are(stopped: Path, tmp_path: Path) -> None:
    done = Program(tmp_path / "home")("finalize", stopped, "--step", 5, "--out", tmp_path / "sae")
    assert done.code == 2
    assert "20, 27" in done.error[1]
