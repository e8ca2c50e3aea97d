"""Settings that are known to lead nowhere are told in one sentence, and sound ones in none."""

from __future__ import annotations

from typing import Any

import pytest

from mistudio.training.advice import NAMES, advice, hindsight
from mistudio.training.config import TrainConfig

D_IN = 576
SOUND: dict[str, Any] = {"sae": {"k": 32, "d_sae": 4608}, "tokens": 1_600_000, "batch_size": 2048}
BEFORE: dict[str, dict[str, Any]] = {
    "rate_high": {"lr": 0.05},
    "rate_low": {"lr": 3e-4},
    "too_short_to_search": {"lr": "auto", "tokens": 400_000},
    "warm_up_long": {"warmup_steps": 500},
    "k_near_d_sae": {"sae": {"k": 200, "d_sae": 700}},
    "k_near_d_in": {"sae": {"k": 300, "d_sae": 4608}},
    "nothing_dies": {"dead_after_tokens": 2_000_000},
    "no_revival": {"sae": {"k": 32, "d_sae": 4608, "aux_k": 0}},
    "few_tokens": {"sae": {"k": 8, "d_sae": 65_536}},
    "many_passes": {"tokens": 16_000_000},
    "fixed_coefficient": {"sae": {"architecture": "jumprelu", "k": 32, "d_sae": 4608, "coefficient": 0.1}},
}
AFTER = {
    "all_dead": {"step": 700, "l0": 0.2, "dead_share": 0.97},
    "dense": {"step": 700, "l0": 1900.0, "dead_share": 0.0},
}


def names(**options: Any) -> list[str]:
    config = TrainConfig.model_validate(SOUND | options)
    return [each.name for each in advice(config, D_IN, tokens_in_a_pass=800_000)]


def test_every_advice_has_a_case_here() -> None:
    assert set(NAMES) == {*BEFORE, *AFTER}


@pytest.mark.parametrize("name", BEFORE)
def test_a_setting_that_leads_nowhere_is_told(name: str) -> None:
    assert name in names(**BEFORE[name])


@pytest.mark.parametrize("lr", [None, "auto", 1e-3, 1e-2])
def test_of_a_sound_run_nothing_is_said(lr: float | str | None) -> None:
    assert names(lr=lr) == []
    assert names(lr=lr, sae={"architecture": "jumprelu", "k": 32, "d_sae": 4608}) == []


def test_a_sentence_names_the_numbers() -> None:
    (told,) = advice(TrainConfig.model_validate(SOUND | {"lr": 0.05}), D_IN)
    assert "0.05" in told.sentence
    assert "4,608 latents in 781 steps" in told.sentence
    assert told.sentence.endswith(".")


@pytest.mark.parametrize("name", AFTER)
def test_a_run_that_has_gone_wrong_is_told_after_the_warm_up(name: str) -> None:
    config = TrainConfig.model_validate(SOUND)
    told = hindsight(config, 4608, **AFTER[name])  # type: ignore[arg-type]
    assert [each.name for each in told] == [name]
    assert hindsight(config, 4608, **AFTER[name] | {"step": 50}) == []  # type: ignore[arg-type]


def test_a_run_that_went_well_is_not_told_anything() -> None:
    assert hindsight(TrainConfig.model_validate(SOUND), 4608, step=700, l0=31.9, dead_share=0.01) == []
