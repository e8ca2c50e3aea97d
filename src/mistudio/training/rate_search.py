"""Find the learning rate on the first tokens of a run, before it begins.

1. A trial is the whole run compressed to a few dozen steps: the same batch size, warm-up and decay in the same shares,
   on the same first tokens for every rate. It ends with its FVU on other tokens of the same sample.
2. From the rate that the rule gives, go by factors of 2 to where it gets better, until a worse rate stands on both
   sides. A trial that is far behind halfway is given up.
3. A parabola through the best three, in the logarithms, gives the best rate of a short run. A longer run wants a lower
   one: it is multiplied by (trial steps / steps)^`EXPONENT`, which was measured (docs/road/training.md).

Trials train TopK where the architecture selects by batch or by a penalty: it has its L0 from the first step, and FVU
can be compared at equal L0 only.

B tokens, D d_in, N tokens of the sample.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.activations.stream import ActivationSource
from mistudio.artifacts.atomic import write_json
from mistudio.config import Config
from mistudio.errors import Diverged
from mistudio.progress import Progress
from mistudio.training.config import TrainConfig
from mistudio.training.layout import RATE_SEARCH
from mistudio.training.run import TrainingRun
from mistudio.training.starting_point import StartingPoint
from mistudio.training.trial_plan import LARGEST_SHARE, compressed, trial_steps
from mistudio.training.validation import measure

EXPONENT = 0.2
"""How fast the best rate falls with the number of steps."""
_MOST_TRIALS = 7
_HELD_TOKENS = 4096
_BEHIND = 1.2
"""Ratio of the FVU halfway to the best trial's at which a trial is given up."""
_RANGE = (1e-5, 1e-1)


class Trial(Config):
    """A rate that was tried."""

    lr: float
    fvu: float | None
    """On tokens that no trial trained on; null where the trial was given up or diverged."""
    steps: int
    """That it took."""


class RateSearch(Config):
    """What a search found; in the manifest of the SAE."""

    chosen: float
    """The run's highest rate."""
    searched: bool
    """False where the run is too short for trials within 15 % of its steps; the rule gave the rate then."""
    best_of_trials: float | None = None
    """The best rate of a run of `trial_steps`, before it was lowered for the whole run."""
    trial_steps: int = 0
    trials: tuple[Trial, ...] = ()
    seconds: float = 0.0


class _Sample(NamedTuple):
    train_ND: Float[Tensor, "N D"]
    held_ND: Float[Tensor, "N D"]


def search_rate(
    config: TrainConfig,
    source: ActivationSource,
    start: StartingPoint,
    device: torch.device,
    progress: Progress,
    *,
    columns: slice = slice(None),
) -> RateSearch:
    """Choose the learning rate of a run; the seed decides the result.

    Args:
        config: the run.
        source: where its activations come from.
        start: where the run starts.
        device: where to train.
        progress: told of each trial; asked between steps whether to stop.
        columns: of the source, those that the run reads.

    Raises:
        Interrupted: `progress` asked to stop; the search begins anew next time.
    """
    began = time.monotonic()
    rule = config.learning_rate(config.sae.width(start.d_in))
    steps = trial_steps(config)
    if steps == 0:
        return RateSearch(chosen=rule, searched=False)
    trials = _Trials(config, steps, _sample(config, source, steps, columns), start, device, progress)
    trials.climb(min(_RANGE[1] / 4, rule * (config.steps / steps) ** EXPONENT))
    best = trials.best()
    if best is None:  # Every rate diverged: the run will say so itself.
        return RateSearch(chosen=rule, searched=True, trial_steps=steps, trials=tuple(trials.done.values()))
    return RateSearch(
        chosen=float(f"{best * (steps / config.steps) ** EXPONENT:.3g}"),
        searched=True,
        best_of_trials=best,
        trial_steps=steps,
        trials=tuple(trials.done.values()),
        seconds=round(time.monotonic() - began, 1),
    )


def rate_of(
    config: TrainConfig,
    source: ActivationSource,
    start: StartingPoint,
    folder: Path,
    device: torch.device,
    progress: Progress,
    *,
    columns: slice = slice(None),
) -> float:
    """The rate that was found for the run of a folder, or is found now and written down there."""
    path = folder / RATE_SEARCH
    if path.is_file():
        return RateSearch.model_validate_json(path.read_text(encoding="utf-8")).chosen
    found = search_rate(config, source, start, device, progress, columns=columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, found.model_dump(mode="json"))
    return found.chosen


class _Trials:
    """Rates that were tried, each on the same batches."""

    def __init__(
        self,
        config: TrainConfig,
        steps: int,
        sample: _Sample,
        start: StartingPoint,
        device: torch.device,
        progress: Progress,
    ) -> None:
        self.done: dict[int, Trial] = {}
        """By the power of 2 that the rate is of the first one."""
        self._config, self._steps, self._sample = config, steps, sample
        self._start, self._device, self._progress = start, device, progress
        self._halfway: list[float] = []
        self._first = 0.0

    def climb(self, first: float) -> None:
        """Try rates by factors of 2 until the best has a worse one on both sides."""
        self._first = first
        self._try(0)
        while (further := self._next()) is not None:
            self._try(further)

    def best(self) -> float | None:
        """The best rate, between those that were tried; None where all diverged."""
        found = {power: trial.fvu for power, trial in self.done.items() if trial.fvu is not None}
        if not found:
            return None
        at = min(found, key=lambda power: found[power])
        return self._rate(at + _vertex(found, at))

    def _next(self) -> int | None:
        spent = sum(trial.steps for trial in self.done.values())
        if len(self.done) >= _MOST_TRIALS or spent + self._steps > LARGEST_SHARE * self._config.steps:
            return None
        found = {power: trial.fvu for power, trial in self.done.items() if trial.fvu is not None}
        at = min(found, key=lambda power: found[power]) if found else min(self.done)
        wanted = [power for power in (at - 1, at + 1) if power not in self.done]
        # The lower one first: where it is better, the higher one need not be tried.
        allowed = [power for power in wanted if _RANGE[0] <= self._rate(power) <= _RANGE[1]]
        return allowed[0] if allowed else None

    def _rate(self, power: float) -> float:
        return float(f"{self._first * 2.0**power:.3g}")

    def _try(self, power: int) -> None:
        run = TrainingRun(compressed(self._config, self._rate(power), self._steps), self._start, self._device)
        fvu = self._train(run)
        self.done[power] = Trial(lr=self._rate(power), fvu=fvu, steps=run.steps_done)

    def _train(self, run: TrainingRun) -> float | None:
        """The held-out FVU of a trial; None where it diverged or was given up."""
        halfway = self._steps // 2
        try:
            for number, acts_BD in enumerate(torch.split(self._sample.train_ND, self._config.batch_size), start=1):
                self._progress.checkpoint()
                report = run.step(acts_BD, report=number == halfway)
                tried = len(self.done) * self._steps + number
                self._progress.advance("find the learning rate", tried, None, lr=run.learning_rate)
                if report is not None:
                    if self._halfway and not report.fvu <= _BEHIND * min(self._halfway):
                        return None
                    self._halfway.append(report.fvu)
        except Diverged:
            return None
        fvu = measure(run, self._sample.held_ND).fvu
        return fvu if math.isfinite(fvu) else None


def _vertex(found: dict[int, float], at: int) -> float:
    """Where between its neighbours the minimum lies, in powers of 2: a parabola through the logarithms of the FVU."""
    below, above = found.get(at - 1), found.get(at + 1)
    if below is None or above is None or min(below, above, found[at]) <= 0:
        return 0.0
    low, middle, high = (math.log(value) for value in (below, found[at], above))
    curvature = low - 2 * middle + high
    return (low - high) / (2 * curvature) if curvature > 0 else 0.0


def _sample(config: TrainConfig, source: ActivationSource, steps: int, columns: slice) -> _Sample:
    """The first tokens of the run, mixed; of those the last ones are held out."""
    wanted = steps * config.batch_size
    blocks, found = [], 0
    for block in source.blocks(epoch=0):
        blocks.append(block.acts_BD[:, columns])
        found += len(block)
        if found >= wanted + _HELD_TOKENS:
            break
    acts_ND = torch.cat(blocks)
    held = min(_HELD_TOKENS, found // 5)
    order_N = torch.randperm(found, generator=torch.Generator().manual_seed(config.seed)).to(acts_ND.device)
    train_N = order_N[held:]
    passes = -(-wanted // len(train_N))
    return _Sample(acts_ND[train_N.repeat(passes)[:wanted]], acts_ND[order_N[:held]])
