"""The program, run in this process with real arguments, real signals and its output caught."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mistudio.cli.main import main


@dataclass(frozen=True)
class Done:
    """What a command left on the terminal."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> tuple[str, str]:
        """The two lines of an error, without their labels."""
        *_, what, remedy = self.err.splitlines()
        assert what.startswith("Error: "), self.err
        assert remedy.startswith("What to do: "), self.err
        return what.removeprefix("Error: "), remedy.removeprefix("What to do: ")


class _SignalOn(io.StringIO):
    """Standard error that sends this process a signal when a stage is announced on it."""

    def __init__(self, stage: str, signals: tuple[signal.Signals, ...]) -> None:
        super().__init__()
        self.stage, self.signals = stage, list(signals)

    def write(self, text: str) -> int:
        written = super().write(text)
        if f"{self.stage} …" in text:
            while self.signals:
                os.kill(os.getpid(), self.signals.pop(0))
        return written


@dataclass(frozen=True)
class Program:
    """`mistudio` with a store of its own."""

    home: Path

    def __call__(self, *arguments: object, at: str = "", send: tuple[signal.Signals, ...] = ()) -> Done:
        """Run a command; at the stage `at`, send the signals."""
        out, err = io.StringIO(), _SignalOn(at, send)
        code = 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main(["--home", str(self.home), *map(str, arguments)])
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        return Done(code, out.getvalue(), err.getvalue())

    def ok(self, *arguments: object) -> Done:
        """Run a command that must work."""
        done = self(*arguments)
        assert done.code == 0, done.err
        return done


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """No file can grow larger, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
