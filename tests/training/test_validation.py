"""Tokens that never train, the best state, early stop; all of it survives being stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from mistudio.artifacts.atomic import partial_of
from mistudio.errors import Cancelled, EmptyCorpus, NotFound
from mistudio.sae.config import StandardTrainingConfig
from mistudio.sae.native_file import load_sae
from mistudio.training.config import TrainConfig, ValidationConfig
from mistudio.training.finalize import finalize
from mistudio.training.held_back import HeldBack
from mistudio.training.layout import BEST, VALIDATION_LOG, best_of
from mistudio.training.train import train
from tests.training.conftest import PlantedSource
from tests.training.test_train import StopAfter, assert_same_training


def validations(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / VALIDATION_LOG).read_text().splitlines()]


def validating(config: TrainConfig, **options: Any) -> TrainConfig:
    """The configuration with validations every 3 steps, and a learning rate at which the last states are no better."""
    validation = ValidationConfig(validate_every=3, validation_tokens=300, **options)
    return config.model_copy(update={"validation": validation, "lr": 2e-2, "decay_share": 0.0})


def told(folder: Path) -> dict[str, Any]:
    metrics = json.loads((folder / "manifest.json").read_text())["metrics"]
    return {"taken_at_step": metrics["taken_at_step"], **metrics["validation"]}


def fvu_on(folder: Path, x_BD: torch.Tensor) -> float:
    sae = load_sae(folder)
    return float((x_BD - sae(x_BD)).pow(2).sum() / (x_BD - x_BD.mean(0)).pow(2).sum())


def test_tokens_held_back_are_in_no_block_of_any_epoch(source: PlantedSource) -> None:
    held = HeldBack(source, 300)
    first = next(source.blocks(0)).positions_B[:300]
    for epoch in range(3):
        given = torch.cat([block.positions_B for block in held.blocks(epoch)])
        assert not bool(torch.isin(first, given).any())
        assert len(given) == held.n_tokens == source.n_tokens - 300
    assert torch.equal(held.acts_ND, source.acts_BD[first])


def test_blocks_keep_their_numbers(source: PlantedSource) -> None:
    held = HeldBack(source, 300)
    whole = [block.positions_B for block in held.blocks(1)]
    for part, rest in zip(held.blocks(1, start=7), whole[7:], strict=True):
        assert torch.equal(part.positions_B, rest)


def test_at_most_a_twentieth_is_held_back(source: PlantedSource) -> None:
    assert len(HeldBack(source, 8192).acts_ND) == source.n_tokens // 20
    with pytest.raises(EmptyCorpus, match="too few"):
        HeldBack(PlantedSource(n_tokens=10), 5)


def test_validation_changes_nothing_but_what_is_trained_on(
    source: PlantedSource, config: TrainConfig, tmp_path: Path
) -> None:
    measured = train(source, validating(config), tmp_path / "measured").path
    often = ValidationConfig(validate_every=1, validation_tokens=300, keep_best=True)
    train(source, validating(config).model_copy(update={"validation": often}), tmp_path / "often")
    assert_same_training(measured, tmp_path / "often")


def test_the_lines_are_what_the_saved_sae_comes_to(source: PlantedSource, config: TrainConfig, tmp_path: Path) -> None:
    path = train(source, validating(config), tmp_path / "sae").path
    lines = validations(path)
    assert [line["step"] for line in lines] == [6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 40]
    held_BD = HeldBack(source, 300).acts_ND.float()
    assert lines[-1]["fvu"] == pytest.approx(fvu_on(path, held_BD), rel=1e-4)
    assert lines[-1]["l0"] == pytest.approx(float((load_sae(path).encode(held_BD) != 0).sum()) / 300)


def test_the_result_can_be_the_best_state(source: PlantedSource, config: TrainConfig, tmp_path: Path) -> None:
    path = train(source, validating(config, finish_with="best"), tmp_path / "sae").path
    lines = validations(path)
    best = min((line for line in lines if line["on_target"]), key=lambda line: line["fvu"])
    assert best["best"]
    assert told(path)["taken_at_step"] == told(path)["best_step"] == best["step"]
    assert fvu_on(path, HeldBack(source, 300).acts_ND.float()) == pytest.approx(best["fvu"], rel=1e-4)


def test_a_state_whose_l0_is_off_is_never_the_best(source: PlantedSource, config: TrainConfig, tmp_path: Path) -> None:
    dense = StandardTrainingConfig(k=3, d_sae=64, coefficient=1e-6)
    config = validating(config, finish_with="best").model_copy(update={"sae": dense})
    path = train(source, config, tmp_path / "sae").path
    assert all(line["l0"] > 4 and not line["on_target"] for line in validations(path))
    assert (told(path)["best_step"], told(path)["taken_at_step"]) == (None, 40)


def test_a_run_that_gets_no_better_ends_early(source: PlantedSource, config: TrainConfig, tmp_path: Path) -> None:
    config = validating(config, patience=2, patience_margin=0.5)
    path = train(source, config, tmp_path / "sae").path
    assert told(path)["stopped_early"]
    assert 6 + 2 * 3 <= told(path)["taken_at_step"] < 40
    assert validations(path)[-1]["step"] == told(path)["taken_at_step"]


@pytest.mark.parametrize("stop_after", [2, 8, 13, 21, 28, 34])
def test_a_resumed_run_takes_the_same_best_state(
    source: PlantedSource, config: TrainConfig, tmp_path: Path, stop_after: int
) -> None:
    config = validating(config, finish_with="best", patience=6, patience_margin=0.02)
    whole = train(source, config, tmp_path / "whole").path
    with pytest.raises(Cancelled):
        train(source, config, tmp_path / "resumed", progress=StopAfter(min(stop_after, len(validations(whole)) * 3)))
    train(source, config, tmp_path / "resumed")
    assert_same_training(whole, tmp_path / "resumed")
    assert validations(whole) == validations(tmp_path / "resumed")
    assert told(whole) == told(tmp_path / "resumed")


class Killed(Exception):
    """Stands for a process that is gone at once."""


@pytest.mark.parametrize("step", [9, 14, 23, 31])
def test_a_killed_run_takes_the_same_best_state(
    source: PlantedSource, config: TrainConfig, tmp_path: Path, step: int
) -> None:
    class Kill(StopAfter):
        def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
            if stage == "train" and done == step * 256:
                raise Killed

    config = validating(config, finish_with="best")
    whole = train(source, config, tmp_path / "whole").path
    with pytest.raises(Killed):
        train(source, config, tmp_path / "killed", progress=Kill(0))
    train(source, config, tmp_path / "killed")
    assert_same_training(whole, tmp_path / "killed")
    assert (validations(whole), told(whole)) == (validations(tmp_path / "killed"), told(tmp_path / "killed"))


def test_the_best_state_of_an_unfinished_run_can_be_finalized(
    source: PlantedSource, config: TrainConfig, tmp_path: Path
) -> None:
    with pytest.raises(Cancelled):
        train(source, validating(config, keep_best=True), tmp_path / "run", progress=StopAfter(33))
    best = best_of(partial_of(tmp_path / "run"))
    assert best is not None
    assert len(list((partial_of(tmp_path / "run") / BEST).iterdir())) == 1
    path = finalize(tmp_path / "run", tmp_path / "sae", best=True, device="cpu").path
    line = validations(path)[-1]
    assert line["best"]
    assert line["step"] == json.loads((path / "manifest.json").read_text())["metrics"]["taken_at_step"]
    assert fvu_on(path, HeldBack(source, 300).acts_ND.float()) == pytest.approx(line["fvu"], rel=1e-4)


def test_without_a_best_state_none_is_finalized(source: PlantedSource, config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        train(source, validating(config), tmp_path / "run", progress=StopAfter(33))
    with pytest.raises(NotFound, match="no best state"):
        finalize(tmp_path / "run", tmp_path / "sae", best=True)


@pytest.mark.parametrize("option", [{"keep_best": True}, {"patience": 3}, {"finish_with": "best"}])
def test_what_needs_validations_is_refused_without_them(option: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="need validate_every"):
        ValidationConfig.model_validate(option)
