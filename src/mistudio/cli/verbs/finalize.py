"""`mistudio finalize`: make an SAE of an unfinished run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.store import LocalStore
from mistudio.cli import console
from mistudio.cli.options import AsJson
from mistudio.errors import BadInput


def finalize(
    context: typer.Context,
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="The --out of an unfinished training, its name in the store, or one of its checkpoints."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Directory to write.")],
    step: Annotated[
        int | None, typer.Option("--step", help="Which of the checkpoints; the newest if not given.")
    ] = None,
    best: Annotated[
        bool, typer.Option("--best", help="Instead the state with the best validation, where it was kept.")
    ] = False,
    member: Annotated[str | None, typer.Option("--member", help="Of a sweep, which of its SAEs.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an SAE from a checkpoint of a training that was stopped, or still goes on.

    The training is not touched: the command that began it still continues it.

    Examples:

        mistudio finalize ./sae --out ./sae-so-far

        mistudio finalize ./sae --step 500 --out ./sae-at-500
    """
    from mistudio.training.finalize import finalize as make

    if best and step is not None:
        raise BadInput("--best and --step name two states.", remedy="Leave out one of them.")
    artifact = make(_place(context.obj, run), out, step=step, best=best, member=member)
    metrics = artifact.manifest.metrics
    if as_json:
        console.print_json({"path": str(artifact.path), **metrics})
        return
    console.print_facts(
        f"SAE {artifact.path}",
        {
            "taken at step": metrics["taken_at_step"],
            "of": metrics["of_steps"],
            "tokens": metrics["taken_at_tokens"],
            "FVU of the last batch": metrics["fvu"],
            "active per token": metrics["l0"],
            "dead latents": f"{metrics['dead_share']:.1%}",
        },
    )


def _place(store: LocalStore, reference: str) -> Path:
    """A path, or where the store puts an SAE of that name."""
    named = not Path(reference).is_absolute() and len(Path(reference).parts) == 1 and not reference.startswith("~")
    if named and not Path(reference).exists() and not Path(f".{reference}.partial").exists():
        return store.path(Kind.SAE, reference)
    return Path(reference)
