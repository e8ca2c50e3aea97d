"""Training towards an L0: where it starts, and how the penalty's weight follows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mistudio.sae.initial import initial_weights
from mistudio.sae.penalty import PenalisedStep
from mistudio.sae.registry import TRAININGS

PENALISED = ("jumprelu", "gated", "standard")


def step_of(architecture: str, **options: object) -> PenalisedStep:
    training = TRAININGS[architecture]
    config = training.config.model_validate({"d_sae": 400, "k": 8, **options})
    weights = initial_weights(400, torch.zeros(24), seed=0, more=training.tensors)
    step = training.step(config, weights, gemm_dtype=torch.float32)
    assert isinstance(step, PenalisedStep)
    return step


@pytest.fixture
def acts_BD() -> Tensor:
    return torch.randn((512, 24), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("architecture", PENALISED)
def test_the_first_step_has_about_the_l0_that_it_shall_start_from(architecture: str, acts_BD: Tensor) -> None:
    step = step_of(architecture)
    l0 = float((step(acts_BD).code.values_N > 0).sum()) / 512
    assert l0 == pytest.approx(8, rel=0.1)


def test_the_start_is_made_once(acts_BD: Tensor) -> None:
    step = step_of("jumprelu")
    step(acts_BD)
    started_F = step.weights.more["log_threshold_F"].clone()
    step(acts_BD * 5)
    assert torch.equal(step.weights.more["log_threshold_F"], started_F)


@pytest.mark.parametrize("architecture", ["gated", "standard"])
def test_the_penalty_grows_while_too_many_latents_are_active_and_falls_while_too_few(
    architecture: str, acts_BD: Tensor
) -> None:
    step = step_of(architecture)
    seen = []
    for factor in (1.0, 5.0, 5.0, 1e-3, 1e-3):  # More, and then hardly anything, exceeds what the first batch led to.
        step(acts_BD * factor)
        seen.append(step.coefficient)
    assert seen[2] > seen[1] > seen[0]
    assert seen[4] < seen[3] < seen[2]


def test_a_coefficient_that_is_given_stays(acts_BD: Tensor) -> None:
    step = step_of("standard", coefficient=0.5)
    for _ in range(3):
        step(acts_BD)
    assert step.coefficient == 0.5
