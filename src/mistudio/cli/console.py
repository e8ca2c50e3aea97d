"""What the user sees: bars with rate and time left, tables, errors in two sentences, JSON; and Ctrl-C heard once.

Bars and remarks go to standard error, results to standard output.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
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

from mistudio.errors import MistudioError
from mistudio.progress import StopSwitch

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


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
    """A `Progress` that draws one bar a stage; on a pipe it prints a line when a stage begins."""

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

    def __enter__(self) -> TerminalProgress:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        """Draw the stage's bar."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total, numbers="")
            if not err.is_terminal:
                err.print(f"{stage} …")
        numbers = "  ".join(f"{name} {value:.3g}" for name, value in metrics.items())
        self._bars.update(self._tasks[stage], completed=done, total=total, numbers=numbers)

    def checkpoint(self) -> None:
        """Go on: stopping is `StopSwitch`'s work."""


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
    """Print what happened and what to do next."""
    err.print(f"[bold red]Error:[/] {escape(error.message)}")
    err.print(f"[bold]What to do:[/] {escape(error.remedy)}")


def remark(text: str) -> None:
    """A line for people, on standard error."""
    err.print(text)


def print_json(content: Mapping[str, Any] | Sequence[Any]) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; columns that hold numbers are aligned to the right."""
    content = [[str(cell) for cell in row] for row in rows]
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold cyan", box=None)
    for index, column in enumerate(columns):
        numeric = bool(content) and all(_looks_numeric(row[index]) for row in content)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in content:
        table.add_row(*(escape(cell) for cell in row))
    out.print(table)


def print_facts(title: str, facts: Mapping[str, object]) -> None:
    """Names and values under a title."""
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None)
    for name, value in facts.items():
        table.add_row(f"[cyan]{escape(name)}[/]", escape(_shown(value)))
    out.print(table)


def _shown(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _looks_numeric(cell: str) -> bool:
    return bool(cell) and all(character in "0123456789.,%+-–e× " for character in cell)
