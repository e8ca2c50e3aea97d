"""What the user sees: bars with rate and time left, tables, errors in two sentences, JSON; and Ctrl-C heard once.

Bars and remarks go to standard error, results to standard output.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from mistudio.errors import Interrupted, MistudioError
from mistudio.progress import StopSwitch

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

# What a text must not do to the terminal that shows it: move the cursor, change colours, ring.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LINE_SECONDS = 30.0
_DIGEST = re.compile(r"[0-9a-f]{32,}")


class _Rate(ProgressColumn):
    """Units a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="cyan")


class _Count(MofNCompleteColumn):
    """Done of total, with thousands separated."""

    def render(self, task: Task) -> Text:
        total = "" if task.total is None else f" / {task.total:,.0f}"
        return Text(f"{task.completed:,.0f}{total}", style="green")


class TerminalProgress:
    """A `Progress` that draws one bar a stage; on a pipe it prints a line when a stage begins, and now and then one
    that says how far it is.
    """

    def __init__(self) -> None:
        self._bars = Bars(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24, complete_style="green", finished_style="green"),
            _Count(),
            _Rate(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("[dim]{task.fields[numbers]}"),
            console=err,
            disable=not err.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._lines = _Lines()

    def __enter__(self) -> TerminalProgress:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        """Draw the stage's bar, or say a line."""
        if not err.is_terminal:
            if line := self._lines.next(stage, done, total, time.monotonic()):
                err.print(Text(line), soft_wrap=True)
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total, numbers="")
        numbers = "  ".join(f"{name} {value:.3g}" for name, value in metrics.items())
        self._bars.update(self._tasks[stage], completed=done, total=total, numbers=numbers)

    def checkpoint(self) -> None:
        """Go on: stopping is `StopSwitch`'s work."""


class _Lines:
    """What is said of progress where no bar can be drawn."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[float, float]] = {}
        self._said = 0.0

    def next(self, stage: str, done: float, total: float | None, now: float) -> str | None:
        """The line that is due now, if one is."""
        if stage not in self._begun:
            self._begun[stage], self._said = (now, done), now
            return f"{stage} …"
        if now - self._said < _LINE_SECONDS:
            return None
        self._said = now
        begun, before = self._begun[stage]
        if total is None:
            return f"{stage}: {done:,.0f}"
        rate = (done - before) / (now - begun)
        left = f", about {_span((total - done) / rate)} left" if rate > 0 and total > done else ""
        return f"{stage}: {done:,.0f} of {total:,.0f}{left}"


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextmanager
def working() -> Iterator[StopSwitch]:
    """Progress on the terminal; the first Ctrl-C or SIGTERM stops at the next clean point, a second Ctrl-C at once."""
    with TerminalProgress() as terminal:
        switch = StopSwitch(terminal)

        def stop(_number: int, _frame: object) -> None:
            switch.cancel()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            err.print("[yellow]Stopping at the next clean point; press Ctrl-C again to stop at once.[/]")

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield switch
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def say_error(error: MistudioError) -> None:
    """Print what happened and what to do next, a line each; work that was asked to stop takes one."""
    message, remedy = (" ".join(visible(text).split()) for text in (error.message, error.remedy))
    if isinstance(error, Interrupted):
        err.print(Text(f"{message} {remedy}", style="yellow"), soft_wrap=True)
        return
    err.print(Text.assemble(("Error: ", "bold red"), message), soft_wrap=True)
    err.print(Text.assemble(("What to do: ", "bold"), remedy), soft_wrap=True)


def remark(text: str) -> None:
    """A line for people, on standard error; never broken, so that a command in it can be copied."""
    err.print(Text(text), soft_wrap=True)


def say(text: str, style: str = "") -> None:
    """A line of the result."""
    out.print(Text(visible(text), style=style), soft_wrap=True)


def token(piece: str) -> str:
    """A token's text with its spaces and line ends to be seen."""
    return piece.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥").replace("\r", "␍")


def visible(text: str) -> str:
    """The text with every control character but tab and newline replaced by a mark."""
    return _CONTROL.sub("\ufffd", text)


def print_json(content: Mapping[str, Any] | Sequence[Any]) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; columns that hold numbers are aligned to the right."""
    content = [[visible(shown(cell)) for cell in row] for row in rows]
    table = Table(header_style="bold cyan", box=None)
    for index, column in enumerate(columns):
        numeric = bool(content) and all(_looks_numeric(row[index]) for row in content)
        table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in content:
        table.add_row(*map(Text, row))
    say(title, "bold")
    out.print(table)


def print_facts(title: str, facts: Mapping[str, object]) -> None:
    """Names and values under a title."""
    table = Table(show_header=False, box=None)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(Text(name), Text(visible(shown(value))))
    say(title, "bold")
    out.print(table)


def shown(value: object) -> str:
    """A value in as many digits as a reader wants; JSON has the rest."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    text = str(value)
    return f"{text[:12]}…" if _DIGEST.fullmatch(text) else text


def _looks_numeric(cell: str) -> bool:
    return cell != "" and all(character in "0123456789.,%+-–e× " for character in cell)
