"""`lr: auto`: a few short trials on the first tokens choose the rate; the seed decides, and a resumed run keeps it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from mistudio.activations.stream import ActivationSource
from mistudio.errors import Cancelled
from mistudio.progress import Silent
from mistudio.sae.config import JumpReLUTrainingConfig, TopKConfig
from mistudio.training import rate_search as module
from mistudio.training.config import TrainConfig
from mistudio.training.finalize import finalize
from mistudio.training.rate_search import EXPONENT, RateSearch, search_rate
from mistudio.training.starting_point import starting_point
from mistudio.training.train import train
from mistudio.training.trial_plan import compressed, trial_steps
from tests.training.conftest import PlantedSource
from tests.training.test_train import StopAfter, assert_same_training, lines_of


@pytest.fixture
def long(config: TrainConfig) -> TrainConfig:
    """400 steps of 64 tokens, with the rate to be found."""
    return config.model_copy(update={"tokens": 400 * 64, "batch_size": 64, "lr": "auto", "checkpoint_every": 100})


def search(source: ActivationSource, config: TrainConfig) -> RateSearch:
    start = starting_point(source.sample(2000), "mean")
    return search_rate(config, source, start, torch.device("cpu"), Silent())


def manifest_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return content


def test_the_best_of_the_trials_has_a_worse_rate_on_both_sides(source: PlantedSource, long: TrainConfig) -> None:
    found = search(source, long.model_copy(update={"tokens": 1000 * 64}))
    rates = sorted(found.trials, key=lambda trial: trial.lr)
    scores = [trial.fvu if trial.fvu is not None else float("inf") for trial in rates]
    best = scores.index(min(scores))
    assert 0 < best < len(rates) - 1
    assert found.best_of_trials is not None
    assert rates[best - 1].lr < found.best_of_trials < rates[best + 1].lr
    assert found.chosen == pytest.approx(found.best_of_trials * (found.trial_steps / 1000) ** EXPONENT, rel=0.01)


def test_the_search_takes_at_most_15_percent_of_the_steps(source: PlantedSource, long: TrainConfig) -> None:
    spent = [trial.steps for trial in search(source, long).trials]
    assert sum(spent) <= 0.15 * 400


def test_the_same_seed_finds_the_same_rate(source: PlantedSource, long: TrainConfig) -> None:
    first, second = search(source, long), search(source, long)
    assert first.model_copy(update={"seconds": 0.0}) == second.model_copy(update={"seconds": 0.0})


def test_the_rule_gives_the_rate_of_a_run_too_short_for_trials(source: PlantedSource, config: TrainConfig) -> None:
    found = search(source, config.model_copy(update={"lr": "auto"}))
    assert (found.searched, found.chosen) == (False, config.model_copy(update={"lr": None}).learning_rate(64))
    assert trial_steps(TrainConfig(tokens=319 * 2048)) == 0
    assert trial_steps(TrainConfig(tokens=320 * 2048)) == 12
    assert trial_steps(TrainConfig(tokens=100_000 * 2048)) == 200


def test_a_trial_is_the_run_in_fewer_steps() -> None:
    sae = JumpReLUTrainingConfig(k=7, d_sae=300, aux_k=9)
    config = TrainConfig(sae=sae, tokens=1000 * 512, batch_size=512, warmup_steps=200, dead_after_tokens=102_400)
    trial = compressed(config, 1e-3, 50)
    assert (trial.steps, trial.warmup_steps, trial.dead_after(), trial.lr) == (50, 10, 5120, 1e-3)
    assert trial.sae == TopKConfig(k=7, d_sae=300, aux_k=9)


def test_trials_that_diverge_are_no_candidates(source: PlantedSource, long: TrainConfig) -> None:
    source.acts_BD[:] = 0.3
    source.acts_BD[:, 0] = float("inf")
    start = starting_point(PlantedSource().sample(2000), "mean")
    found = search_rate(long, source, start, torch.device("cpu"), Silent())
    assert found.best_of_trials is None
    assert all(trial.fvu is None for trial in found.trials)


def test_the_manifest_states_every_rate_tried(source: PlantedSource, long: TrainConfig, tmp_path: Path) -> None:
    path = train(source, long, tmp_path / "sae").path
    manifest = manifest_of(path)
    found = RateSearch.model_validate(manifest["metrics"]["learning_rate_search"])
    assert found.searched
    assert len(found.trials) >= 3
    assert manifest["config"]["lr"] == "auto"
    assert manifest["metrics"]["learning_rate"] == found.chosen
    assert max(line["lr"] for line in lines_of(path)) == pytest.approx(found.chosen)


def test_a_resumed_run_keeps_its_rate_and_does_not_search_again(
    source: PlantedSource, long: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(source, long, tmp_path / "whole").path
    for stop_after in (30, 130):
        with pytest.raises(Cancelled):
            train(source, long, tmp_path / f"after-{stop_after}", progress=StopAfter(stop_after))

    def fails(*arguments: object) -> None:
        raise AssertionError("searched again")

    monkeypatch.setattr(module, "search_rate", fails)
    for stop_after in (30, 130):
        finalize(tmp_path / f"after-{stop_after}", tmp_path / f"sae-{stop_after}", device="cpu")
        assert "learning_rate_search" in manifest_of(tmp_path / f"sae-{stop_after}")["metrics"]
        train(source, long, tmp_path / f"after-{stop_after}")
        assert_same_training(whole, tmp_path / f"after-{stop_after}")
        assert manifest_of(tmp_path / f"after-{stop_after}")["metrics"]["learning_rate_search"]
