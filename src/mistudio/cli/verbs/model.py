"""`mistudio model add|list|show`: bring language models in, and say what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mistudio.artifacts.kinds import Kind
from mistudio.cli import console, inputs
from mistudio.cli.options import AsJson, configured
from mistudio.language_models.config import ModelConfig

app = typer.Typer(no_args_is_help=True, help="Add language models to the store, list and describe them.")

Source = Annotated[str, typer.Argument(help="A Hub id, a local directory, a .gguf file, or a name in the store.")]
Name = Annotated[
    str | None, typer.Option("--name", help="Name in the store; the last part of the source if not given.")
]


@app.command("add")
@configured(ModelConfig, leave_out=("source",))
def add(context: typer.Context, source: Source, name: Name = None, *, config: Any) -> None:
    """Load a model once and keep it as safetensors, from which it loads in about a second.

    Examples:

        mistudio model add HuggingFaceTB/SmolLM2-135M-Instruct

        mistudio model add ./SmolLM2-135M-Instruct.Q4_1.gguf --name smollm2
    """
    from mistudio.language_models.loading import load_model, save_model

    path = context.obj.path(Kind.MODEL, name or inputs.slug(Path(source).stem if source.endswith(".gguf") else source))
    with console.working() as progress:
        artifact = save_model(load_model(config(source=source), progress=progress), path)
    console.out.print(f"Added [bold]{artifact.path.name}[/]: {artifact.path}")
    console.remark(f"Next: mistudio model show {artifact.path.name}")


@app.command("list")
def list_models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models in the store."""
    models = context.obj.list(Kind.MODEL)
    if as_json:
        console.print_json([{"name": each.path.name, **each.manifest.model_dump(mode="json")} for each in models])
        return
    if not models:
        console.out.print("No models yet. Add one with: mistudio model add SOURCE")
        return
    rows = [
        (each.path.name, *(each.manifest.config.get(key, "") for key in ("n_layers", "d_model", "dtype", "source")))
        for each in models
    ]
    console.print_table("Models", ("name", "layers", "d_model", "dtype", "source"), rows)


@app.command("show")
@configured(ModelConfig, leave_out=("source",))
def show(context: typer.Context, source: Source, as_json: AsJson = False, *, config: Any) -> None:
    """Describe a model without loading its weights: shape, parameters, memory, hook points.

    Examples:

        mistudio model show HuggingFaceTB/SmolLM2-135M-Instruct
    """
    from mistudio.language_models.describe import describe

    description = describe(config(source=inputs.model_source(context.obj, source))).model_dump(mode="json")
    if as_json:
        console.print_json(description)
        return
    facts = {key: value for key, value in description.items() if not isinstance(value, list | dict)}
    for key, value in description.items():
        if isinstance(value, dict):
            facts[key] = ", ".join(f"{name} {number:,}" if isinstance(number, int) else f"{name} {number}"
                                   for name, number in value.items())  # fmt: skip
        elif isinstance(value, list):
            facts[key] = ", ".join(map(str, value))
    console.print_facts(source, {key.replace("_", " "): value for key, value in facts.items()})
