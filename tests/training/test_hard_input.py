"""No architecture yields a NaN or collapses on input that breaks careless code."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mistudio.sae.registry import TRAININGS
from mistudio.training.config import TrainConfig
from mistudio.training.run import TrainingRun
from mistudio.training.starting_point import starting_point

_STEPS = 12


def _usual(d_in: int = 23, tokens: int = 64) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    directions_GD = torch.randn((60, d_in), generator=generator)
    code_BG = torch.rand((_STEPS * tokens, 60), generator=generator) * (
        torch.rand((_STEPS * tokens, 60), generator=generator) < 0.1
    )
    return code_BG @ directions_GD + 0.3


def _with_massive_tokens() -> Tensor:
    acts_ND = _usual()
    acts_ND[::50] *= 1000
    return acts_ND.bfloat16()


CASES: dict[str, Callable[[], Tensor]] = {
    "massive tokens in bfloat16": _with_massive_tokens,
    "tiny": lambda: _usual() * 1e-12,
    "huge": lambda: _usual() * 1e12,
    "constant": lambda: torch.full((_STEPS * 64, 23), 2.5),
    "one direction": lambda: torch.linspace(-1, 1, _STEPS * 64)[:, None] * torch.ones(23),
}


def run_of(architecture: str, acts_ND: Tensor, *, batch_size: int = 64, **options: object) -> TrainingRun:
    sae = {"architecture": architecture, "d_sae": 97, "k": 5, "aux_k": 16, **options}
    config = TrainConfig.model_validate(
        {
            "sae": sae,
            "tokens": _STEPS * batch_size,
            "batch_size": batch_size,
            "dead_after_tokens": 2 * batch_size,
            "lr": 1e-2,
            "warmup_steps": 0,
        }
    )
    run = TrainingRun(config, starting_point(acts_ND, "geometric_median"), torch.device("cpu"))
    for batch_BD in acts_ND.split(batch_size):
        report = run.step(batch_BD, report=True)
        assert report is not None
        assert all(math.isfinite(number) for number in report), report
    return run


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("architecture", TRAININGS)
def test_every_number_stays_finite(architecture: str, case: str) -> None:
    acts_ND = CASES[case]()
    config, weights = run_of(architecture, acts_ND).result()
    assert config.architecture in ("topk", "jumprelu", "gated", "standard")
    for name, tensor in weights.tensors().items():
        assert bool(tensor.isfinite().all()), name


@pytest.mark.parametrize("architecture", TRAININGS)
def test_a_batch_may_be_smaller_than_k(architecture: str) -> None:
    run_of(architecture, _usual(tokens=3), batch_size=3, k=40)


@pytest.mark.parametrize("architecture", TRAININGS)
@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_scale_of_the_activations_changes_nothing(architecture: str, scale: float) -> None:
    acts_ND = _usual()
    (_, plain), (_, scaled) = run_of(architecture, acts_ND).result(), run_of(architecture, acts_ND * scale).result()
    # Products are in bfloat16 where the processor has it, and rounding may turn a latent on or off.
    assert float((plain.W_dec_FD * scaled.W_dec_FD).sum(1).median()) > 0.99
