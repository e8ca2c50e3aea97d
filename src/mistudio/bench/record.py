"""Measure recording against the forward pass that it cannot do without.

1. Each round draws its own contexts.
2. Both contenders run the model over them up to the hook point: `activations.record.trace` keeps and writes what it
   finds, the bare pass keeps nothing. They go first in turns.
3. Compare within rounds.

Recording's time ends when the finished, sealed and flushed artifact is there. The calibration of its filter is not
counted: it runs a fixed number of tokens, once, however long the recording is.
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

from mistudio.activations.config import TraceConfig
from mistudio.activations.record import contexts_of, trace
from mistudio.bench.config import RecordBenchConfig
from mistudio.bench.machine import load_average, this_machine
from mistudio.bench.result import Ratio, RecordBenchResult, Timing
from mistudio.bench.turns import Turn
from mistudio.corpora.tokens import Tokens
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.partial_forward import run_until
from mistudio.progress import Progress, Silent


def bench_record(
    config: RecordBenchConfig,
    lm: LanguageModel,
    tokens: Tokens,
    progress: Progress | None = None,
    *,
    folder: Path | None = None,
) -> RecordBenchResult:
    """Measure recording.

    Args:
        config: hook point and number of rounds.
        lm: the model to run.
        tokens: text tokenized for it.
        progress: told the rounds; asked before each round, and while recording, whether to stop.
        folder: on the disk to record to; the system's folder for temporary files where not given.

    Raises:
        HookMissing: the model has no such hook point.
        EmptyCorpus: there is no context to run on.
        Interrupted: `progress` asked to stop.
    """
    progress, load = progress or Silent(), load_average()
    taken: dict[str, list[Turn]] = {"recording": [], "bare": []}
    tokens_a_round = 0
    with tempfile.TemporaryDirectory(prefix="mistudio-bench-", dir=folder) as place:
        for number in range(config.rounds + 1):
            progress.checkpoint()
            traced = _trace_config(config, tokens, seed=number)
            tokens_a_round = len(contexts_of(tokens, traced)) * tokens.context_length
            turns: dict[str, Callable[[], Turn]] = {
                "bare": partial(_bare, lm, tokens, traced),
                "recording": partial(_recording, lm, tokens, traced, Path(place) / f"round-{number}", progress),
            }
            for name in sorted(turns, reverse=bool(number % 2)):
                turn = turns[name]()
                if number:  # The round before the first warms both up.
                    taken[name].append(turn)
            progress.advance("rounds", number, config.rounds)
    bare, recording = (_timing(name, taken[name], tokens_a_round, lm) for name in ("bare", "recording"))
    return RecordBenchResult(
        mistudio_version=version("mistudio"),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=this_machine(),
        threads=torch.get_num_threads(),
        load_before=load,
        config=config,
        model=lm.name,
        context_length=tokens.context_length,
        recording=recording,
        bare=bare,
        speed=Ratio.between(bare, recording),
    )


class RecordingClock:
    """A `Progress` that remembers when the recording itself began: when the stage before it ended."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner
        self.began = _now()

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:  # noqa: ARG002
        """Start anew for as long as anything but the recording is reported."""
        if stage != "record":
            self.began = _now()

    def checkpoint(self) -> None:
        """Ask the outer progress."""
        self._inner.checkpoint()


def _trace_config(config: RecordBenchConfig, tokens: Tokens, seed: int) -> TraceConfig:
    return TraceConfig(
        hooks=(config.hook,),
        split="all",
        max_tokens=config.contexts * tokens.context_length,
        dtype=config.dtype,
        batch_contexts=config.batch_contexts,
        seed=seed,
    )


def _recording(lm: LanguageModel, tokens: Tokens, config: TraceConfig, out: Path, progress: Progress) -> Turn:
    clock = RecordingClock(progress)
    trace(lm, tokens, config, out, progress=clock)
    return _since(clock.began)


def _bare(lm: LanguageModel, tokens: Tokens, config: TraceConfig) -> Turn:
    contexts = contexts_of(tokens, config)
    point = HookPoint.parse(config.hooks[0])
    began = _now()
    for start in range(0, len(contexts), config.batch_contexts):
        ids_CT = torch.from_numpy(tokens.contexts(contexts[start : start + config.batch_contexts]))
        run_until(lm, ids_CT.to(lm.device), [point])
    if lm.device.type == "cuda":
        torch.cuda.synchronize(lm.device)
    return _since(began)


def _now() -> Turn:
    return Turn(time.perf_counter(), time.process_time())


def _since(began: Turn) -> Turn:
    now = _now()
    return Turn(now.seconds - began.seconds, now.cpu_seconds - began.cpu_seconds)


def _timing(name: str, turns: list[Turn], tokens: int, lm: LanguageModel) -> Timing:
    title = {"bare": "forward pass alone", "recording": "recording"}[name]
    return Timing.of(
        title,
        turns,
        tokens,
        library=f"miStudio {version('mistudio')}",
        torch=torch.__version__,
        precision=str(lm.dtype).removeprefix("torch."),
    )
