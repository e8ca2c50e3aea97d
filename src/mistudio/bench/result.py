"""What the benchmarks measured: every single time, what follows from them, and on which machine.

Written as JSON, so that each published number can be traced to its rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TypeVar

from pydantic import ValidationError

from mistudio.artifacts.atomic import write_json
from mistudio.bench.config import RecordBenchConfig, StepBenchConfig, SweepBenchConfig
from mistudio.bench.machine import Machine
from mistudio.bench.turns import Turn
from mistudio.config import Config
from mistudio.errors import ArtifactBroken


class Timing(Config):
    """One contender's times, round by round."""

    name: str
    """What it is called in tables."""
    library: str
    """The library and its version."""
    torch: str
    """PyTorch's version in its environment."""
    precision: str
    """Number format of its matrix products."""
    tokens: int
    """Tokens that it worked on in a round."""
    seconds: tuple[float, ...]
    """Seconds of each round, by the clock."""
    cpu_seconds: tuple[float, ...]
    """Seconds of work in each round, summed over all threads; other users of the machine hardly change it."""
    median_seconds: float
    """Median of `seconds`."""
    best_seconds: float
    """Least of `seconds`: what is left when nothing else disturbs."""
    tokens_per_second: float
    """`tokens` / `median_seconds`."""

    @classmethod
    def of(cls, name: str, turns: Sequence[Turn], tokens: int, *, library: str, torch: str, precision: str) -> Timing:
        """The times and what follows from them."""
        seconds = tuple(turn.seconds for turn in turns)
        middle = median(seconds)
        return cls(
            name=name,
            library=library,
            torch=torch,
            precision=precision,
            tokens=tokens,
            seconds=seconds,
            cpu_seconds=tuple(turn.cpu_seconds for turn in turns),
            median_seconds=middle,
            best_seconds=min(seconds),
            tokens_per_second=tokens / middle,
        )


class Ratio(Config):
    """How many times as long a contender took as another one."""

    of: str
    """The one that took the longer where the ratio is above 1."""
    to: str
    """The one that it is compared with."""
    median_of_rounds: float
    """Median of the ratios within each round: what the machine did to both falls out."""
    of_bests: float
    """Best time divided by best time."""
    of_cpu_seconds: float
    """Median of the ratios of CPU time within each round; says little where idle threads spin, as in `bench record`."""

    @classmethod
    def between(cls, one: Timing, other: Timing) -> Ratio:
        """`one`'s times divided by `other`'s, which stem from the same rounds."""
        rounds = [a / b for a, b in zip(one.seconds, other.seconds, strict=True)]
        work = [a / b for a, b in zip(one.cpu_seconds, other.cpu_seconds, strict=True)]
        return cls(
            of=one.name,
            to=other.name,
            median_of_rounds=median(rounds),
            of_bests=one.best_seconds / other.best_seconds,
            of_cpu_seconds=median(work),
        )


_R = TypeVar("_R", bound="Result")


class Result(Config):
    """What all benchmarks state."""

    mistudio_version: str
    """The version that was measured."""
    measured_at: str
    """When the last round ended, UTC."""
    machine: Machine
    """What it was measured on."""
    threads: int
    """Threads of each contender."""
    load_before: float | None
    """Load average of the last minute before the first contender began; much above 0 means that others were at work."""

    def write(self, path: Path) -> None:
        """Write as JSON, replacing an older result."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, self.model_dump(mode="json"))


def read_result(kind: type[_R], path: Path) -> _R:
    """Read what `Result.write` wrote.

    Raises:
        ArtifactBroken: the file is not such a result.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ArtifactBroken(
            f"{path} is not a result of this benchmark: {error.errors()[0]['msg']}.",
            remedy="Take the measurement again.",
        ) from error


class StepBenchResult(Result):
    """One training step, ours and others'."""

    config: StepBenchConfig
    """What was measured."""
    ours: Timing
    """miStudio's training step."""
    peers: tuple[Timing, ...]
    """The other libraries' steps."""
    limits: tuple[Timing, ...]
    """The encoder's matrix product alone, by number format."""
    ratios: tuple[Ratio, ...]
    """Each peer's time divided by ours."""
    above_limit: Ratio
    """Our time divided by the fastest bare product's."""


class SweepBenchResult(Result):
    """Several SAEs trained together, and one after the other."""

    config: SweepBenchConfig
    """What was measured."""
    model: str
    """The language model."""
    saes: int
    """How many."""
    together: Timing
    """All on one forward pass."""
    separately: Timing
    """One after the other."""
    gain: Ratio
    """The time of the separate runs divided by that of the sweep."""


class RecordBenchResult(Result):
    """Recording against the bare partial forward pass."""

    config: RecordBenchConfig
    """What was measured."""
    model: str
    """The language model."""
    context_length: int
    """Tokens in a context."""
    recording: Timing
    """The model run and its activations written to disk."""
    bare: Timing
    """The model run up to the hook point, nothing kept."""
    speed: Ratio
    """The bare pass's time divided by recording's: 1 means that recording costs nothing."""
