"""Let several processes take turns: one is told to take a step, the others wait.

Each contender lives in its own process and, where it is another library, its own environment. See `contenders/loop.py`
for what the processes say to each other.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from mistudio.errors import PeerFailed
from mistudio.progress import Progress

STEPS = Path(__file__).with_name("contenders")
_LOOP = STEPS / "loop.py"


@dataclass(frozen=True)
class Contender:
    """Who takes part."""

    name: str
    """What it is called in tables, e.g. "SAELens, autocast"."""
    python: Path
    """The Python that runs it."""
    step_file: Path
    """Its `build` and `version`."""
    variant: str = ""
    """Which of the file's variants."""
    precision: str = ""
    """Number format of its matrix products, as tables show it."""
    architectures: tuple[str, ...] | None = None
    """The architectures that it trains; all where it does not say."""

    def has(self, architecture: str) -> bool:
        """Whether it trains that architecture."""
        return self.architectures is None or architecture in self.architectures


class Turn(NamedTuple):
    """How long one step took."""

    seconds: float
    """By the clock."""
    cpu_seconds: float
    """Work of all its threads: waiting for others that use the machine is not in it."""


class Seat:
    """A contender's running process.

    Raises:
        PeerFailed: the process ended, or said something else than was asked of it.
    """

    def __init__(self, contender: Contender, options: Mapping[str, Any]) -> None:
        self.contender = contender
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        asked = json.dumps({**options, "variant": contender.variant})
        self._process = subprocess.Popen(
            [contender.python, _LOOP, contender.step_file, asked],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            bufsize=1,
            start_new_session=True,  # Ctrl-C reaches this process, which ends its contenders in good order.
        )

    def __enter__(self) -> Seat:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def ready(self) -> dict[str, str]:
        """Wait for the warm-up to end; returns the versions of the library and of its torch."""
        (facts,) = self._answer(("ready",), "before its first step")
        return dict(facts)

    def step(self) -> Turn:
        """Let it take one step; returns how long it took."""
        try:
            if self._process.stdin is not None:
                self._process.stdin.write("go\n")
        except BrokenPipeError:
            pass  # It has ended; the answer that does not come says so, with the reason.
        return Turn(*map(float, self._answer(("seconds", "cpu_seconds"), "while it took a step")))

    def _answer(self, wanted: Sequence[str], when: str) -> list[Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        try:
            content = json.loads(line)
            return [content[name] for name in wanted]
        except (ValueError, KeyError, TypeError):
            raise PeerFailed(f"{self.contender.name} stopped {when}: {self._last_words(line)}.") from None

    def _last_words(self, line: str) -> str:
        if line.strip():
            return f"it said {line.strip()[:200]!r}"
        code = self._process.wait()
        self._log.seek(0)
        written = [text.strip() for text in self._log.read().splitlines() if text.strip()]
        return written[-1][:300].rstrip(".") if written else f"it ended with exit code {code}"


@dataclass(frozen=True)
class Times:
    """What a contender's process said and how long its steps took."""

    contender: Contender
    library: str
    torch: str
    turns: tuple[Turn, ...]


def take_turns(
    contenders: Sequence[Contender], options: Mapping[str, Any], rounds: int, progress: Progress
) -> list[Times]:
    """Start each contender, one after the other, then let each take one step a round.

    Raises:
        PeerFailed: a contender ended before it was asked to.
        Interrupted: `progress` asked to stop.
    """
    with ExitStack() as stack:
        seats, facts = [], []
        for number, contender in enumerate(contenders):
            progress.checkpoint()
            progress.advance("start the contenders", number, len(contenders))
            seats.append(stack.enter_context(Seat(contender, options)))
            facts.append(seats[-1].ready())
        progress.advance("start the contenders", len(contenders), len(contenders))
        turns: list[list[Turn]] = [[] for _ in seats]
        for done in range(rounds):
            for taken, seat in zip(turns, seats, strict=True):
                progress.checkpoint()
                taken.append(seat.step())
            progress.advance("rounds", done + 1, rounds)
    return [
        Times(contender, fact["library"], fact["torch"], tuple(taken))
        for contender, fact, taken in zip(contenders, facts, turns, strict=True)
    ]
