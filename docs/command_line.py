"""The command line as data: what `docs/generate.py` prints and the public-surface test records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """An argument or an option, in the words of `--help`."""

    name: str
    help: str


@dataclass(frozen=True)
class Command:
    """One verb, or one verb of a group."""

    path: str
    help: str
    arguments: tuple[Parameter, ...]
    options: tuple[Parameter, ...]


def commands() -> list[Command]:
    """Every command, in the order of `mistudio --help`; none before the command line exists."""
    if find_spec("mistudio.cli") is None:
        return []
    from typer.main import get_command

    from mistudio.cli.main import app

    return list(_walk(get_command(app), "mistudio", None))


def _walk(command: Any, path: str, parent: Any) -> Iterator[Command]:
    # Typer brings its own copy of Click's classes, so the objects are asked and not their classes.
    context = command.context_class(command, info_name=path.rpartition(" ")[2], parent=parent)
    yield Command(path, command.help or "", *(_parameters(command, context, kind) for kind in ("argument", "option")))
    if hasattr(command, "list_commands"):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if not inner.hidden:
                yield from _walk(inner, f"{path} {name}", context)


def _parameters(command: Any, context: Any, kind: str) -> tuple[Parameter, ...]:
    asked = [each for each in command.get_params(context) if each.param_type_name == kind and each.name != "help"]
    records = [record for each in asked if (record := each.get_help_record(context)) is not None]
    return tuple(Parameter(*record) for record in records)
