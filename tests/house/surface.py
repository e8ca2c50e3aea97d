"""What users build on: the facade, the command line's options, the files' fields and the hard dependencies.

`python -m tests.house.surface` writes the snapshot anew; the change then stands in the diff and is a decision.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterator
from pathlib import Path

import mistudio
from docs.command_line import commands
from mistudio.config import Config
from tests.house.tree import ROOT

SNAPSHOT = Path(__file__).with_name("public_surface.txt")


def lines() -> Iterator[str]:
    """The surface, one promise a line."""
    yield "[python]"
    for name in sorted(mistudio.__all__):
        yield from _promise(name, getattr(mistudio, name))
    yield ""
    yield "[command line]"
    for command in commands():
        yield " ".join([command.path, *(argument.name for argument in command.arguments)])
        yield from (f"    {option.name}" for option in command.options)
    yield ""
    yield "[dependencies]"
    yield from hard_dependencies()


def hard_dependencies() -> list[str]:
    """The requirements of the bare package, as pyproject.toml has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return sorted(project["dependencies"])


def _promise(name: str, value: object) -> Iterator[str]:
    if inspect.isclass(value) and issubclass(value, Config):
        yield f"class {name}"
        for field, info in value.model_fields.items():
            default = "" if info.is_required() else f" = {info.get_default(call_default_factory=True)!r}"
            yield f"    {field}{default}"
    elif inspect.isclass(value):
        yield f"class {name}"
        yield from (f"    {member}" for member in sorted(vars(value)) if not member.startswith("_"))
    else:
        assert callable(value)
        parameters = inspect.signature(value).parameters.values()
        yield f"{name}({', '.join(str(each.replace(annotation=each.empty)) for each in parameters)})"


if __name__ == "__main__":
    SNAPSHOT.write_text("\n".join(lines()) + "\n", encoding="utf-8")
