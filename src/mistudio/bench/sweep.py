"""Measure several SAEs trained on one forward pass against the same SAEs trained one after the other.

1. Take a few steps on made-up activations, so that neither side pays for what is compiled or loaded once.
2. In each round train all together (`train_several`), and each by itself (`train`), from the same model and text; the
   two go first in turns.
3. Compare within rounds.

Everything after loading the model counts, on both sides: the filter's calibration, the sample that training starts
from, the forward passes, the steps, and writing the SAEs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch

from mistudio.activations.config import StreamConfig
from mistudio.activations.stream import ModelSource
from mistudio.bench.config import SweepBenchConfig
from mistudio.bench.machine import load_average, this_machine
from mistudio.bench.result import Ratio, SweepBenchResult, Timing
from mistudio.bench.turns import Turn
from mistudio.corpora.tokens import Tokens
from mistudio.hardware import best_device
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.hooks import width_of
from mistudio.language_models.loading import LanguageModel
from mistudio.progress import Progress, Silent, under
from mistudio.sae.kernels.choice import encoder_precision
from mistudio.training.config import TrainConfig
from mistudio.training.run import TrainingRun
from mistudio.training.starting_point import starting_point
from mistudio.training.sweep import train_several
from mistudio.training.train import train


def bench_sweep(
    config: SweepBenchConfig, lm: LanguageModel, tokens: Tokens, progress: Progress | None = None
) -> SweepBenchResult:
    """Measure a sweep.

    Args:
        config: hook point, members and number of rounds.
        lm: the model to run.
        tokens: text tokenized for it.
        progress: told the stages of every training; asked at each step whether to stop.

    Raises:
        HookMissing: the model has no such hook point.
        EmptyCorpus: there is too little text.
        Interrupted: `progress` asked to stop.
    """
    progress, load = progress or Silent(), load_average()
    runs = _runs(config)
    _warm_up(runs, width_of(lm, HookPoint.parse(config.hook)))
    taken: dict[str, list[Turn]] = {"together": [], "separately": []}
    with tempfile.TemporaryDirectory(prefix="mistudio-bench-") as place:
        for number in range(config.rounds):
            turns: dict[str, Callable[[Path, Progress], None]] = {
                "together": partial(_together, config, runs, lm, tokens),
                "separately": partial(_separately, config, runs, lm, tokens),
            }
            for name in sorted(turns, reverse=not number % 2):
                with under(name, progress) as told:
                    began = time.perf_counter(), time.process_time()
                    turns[name](Path(place) / f"{name}-{number}", told)
                    taken[name].append(Turn(time.perf_counter() - began[0], time.process_time() - began[1]))
            progress.advance("rounds", number + 1, config.rounds)
    together, separately = (
        Timing.of(
            title,
            taken[name],
            len(runs) * config.tokens,
            library=f"miStudio {version('mistudio')}",
            torch=torch.__version__,
            precision=encoder_precision(best_device()),
        )
        for name, title in (("together", "all together"), ("separately", "one after the other"))
    )
    return SweepBenchResult(
        mistudio_version=version("mistudio"),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=this_machine(),
        threads=torch.get_num_threads(),
        load_before=load,
        config=config,
        model=lm.name,
        saes=len(runs),
        together=together,
        separately=separately,
        gain=Ratio.between(separately, together),
    )


def _runs(config: SweepBenchConfig) -> list[TrainConfig]:
    shared = {
        "tokens": config.tokens,
        "batch_size": config.batch_size,
        "buffer_tokens": config.buffer_tokens,
    }
    return [
        TrainConfig.model_validate({**shared, "sae": {"architecture": name, "k": k, "expansion": config.expansion}})
        for name in config.architectures
        for k in config.ks
    ]


def _warm_up(runs: list[TrainConfig], d_in: int) -> None:
    acts_BD = torch.randn((runs[0].batch_size, d_in), generator=torch.Generator().manual_seed(0))
    device = best_device()
    for run in runs:
        training = TrainingRun(run, starting_point(acts_BD, run.b_dec_start), device)
        training.step(acts_BD.to(device), report=True)


def _source(config: SweepBenchConfig, lm: LanguageModel, tokens: Tokens, progress: Progress) -> ModelSource:
    return ModelSource(lm, tokens, config.hook, StreamConfig(), progress=progress)


def _together(
    config: SweepBenchConfig, runs: list[TrainConfig], lm: LanguageModel, tokens: Tokens, out: Path, progress: Progress
) -> None:
    train_several(_source(config, lm, tokens, progress), runs, out, progress=progress)


def _separately(
    config: SweepBenchConfig, runs: list[TrainConfig], lm: LanguageModel, tokens: Tokens, out: Path, progress: Progress
) -> None:
    for number, run in enumerate(runs):
        train(_source(config, lm, tokens, progress), run, out / str(number), progress=progress)
