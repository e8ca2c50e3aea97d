"""The program `mistudio` (also `microscope`): its verbs, and how failures are told."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from mistudio.artifacts.store import LocalStore
from mistudio.cli import console
from mistudio.cli.verbs import (
    bench,
    corpus,
    demo,
    doctor,
    evaluate,
    finalize,
    find,
    model,
    probe,
    steer,
    trace,
    train,
    up,
)
from mistudio.errors import MistudioError

_ORDER = (
    *("demo", "up", "ui", "status", "down"),
    *("model", "corpus", "trace", "train", "finalize", "eval", "probe", "find", "steer", "doctor", "bench"),
)


class _InOrderOfTheRoad(TyperGroup):
    """Lists the verbs as the data meets them."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002
        """The verbs' names."""
        return sorted(self.commands, key=_ORDER.index)


app = typer.Typer(
    cls=_InOrderOfTheRoad,
    name="mistudio",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.add_typer(model.app, name="model")
app.add_typer(corpus.app, name="corpus")
app.command("trace")(trace.trace)
app.command("train")(train.train)
app.command("finalize")(finalize.finalize)
app.command("eval")(evaluate.evaluate)
app.command("probe")(probe.probe)
app.command("find")(find.find)
app.command("steer")(steer.steer)
for verb in (up.up, up.ui, up.status, up.down):
    app.command(verb.__name__)(verb)
app.command("doctor")(doctor.doctor)
app.add_typer(bench.app, name="bench")


def _print_version(wanted: bool) -> None:
    if wanted:
        console.say(f"mistudio {version('mistudio')}")
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    home: Annotated[
        Path, typer.Option(envvar="MISTUDIO_HOME", help="Where models, corpora and results are kept.")
    ] = Path("~/.mistudio"),
    debug: Annotated[  # noqa: ARG001 — `main` acts on it, wherever it stands
        bool, typer.Option("--debug", help="Show a traceback when something fails; may stand anywhere.")
    ] = False,
    show_version: Annotated[  # noqa: ARG001 — its callback acts on it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Open a language model: train sparse autoencoders, see what their features respond to, steer the model.

    The road, in order: `model add` → `corpus add` → `trace` → `train` → `eval` → `find` → `steer`.
    `mistudio demo` walks the whole of it on a small model in about ten minutes. It fetches about 100 MB once, and then
    needs no network.
    """
    context.obj = LocalStore(home)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program; the exit code is 0 when it worked, 1 when it failed, 2 for a wrong call, 130 when stopped.

    Args:
        arguments: what stands after the program's name; the process's own where not given.
    """
    # Threads that wait shall sleep: spinning halves the speed as soon as another program wants a core.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # noqa: TID251  for OpenMP, which reads it when torch loads
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    try:
        app(args=[each for each in given if each != "--debug"])
    except MistudioError as error:
        if debug:
            raise
        console.say_error(error)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        if debug:
            raise
        console.remark("Stopped at once. Run the same command again to continue from what was saved.")
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(0) from None
