"""`mistudio model add|list|show`: bring language models in, and say what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact
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
def add(context: typer.Context, source: Source, name: Name = None, as_json: AsJson = False, *, config: Any) -> None:
    """Load a model once and keep it as safetensors, from which it loads in about a second.

    Examples:

        mistudio model add HuggingFaceTB/SmolLM2-135M-Instruct

        mistudio model add ./SmolLM2-135M-Instruct.Q4_1.gguf --name smollm2
    """
    from mistudio.language_models.loading import load_model, save_model

    path = context.obj.path(Kind.MODEL, name or inputs.slug(Path(source).stem if source.endswith(".gguf") else source))
    with console.working() as progress:
        artifact = save_model(load_model(config(source=source), progress=progress), path)
    if as_json:
        console.print_json({"path": str(artifact.path), **artifact.manifest.config})
        return
    console.print_facts(f"Model {artifact.path.name}", _facts(artifact) | {"path": artifact.path})
    console.remark(f"Next: mistudio model show {artifact.path.name}")


@app.command("list")
def list_models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models in the store.

    Examples:

        mistudio model list --json
    """
    models = context.obj.list(Kind.MODEL)
    if as_json:
        console.print_json([{"name": each.path.name, **each.manifest.model_dump(mode="json")} for each in models])
        return
    if not models:
        console.say("No models yet. Add one with: mistudio model add SOURCE")
        return
    facts = [_facts(each) for each in models]
    rows = [(each.path.name, *row.values()) for each, row in zip(models, facts, strict=True)]
    console.print_table(f"Models in {context.obj.home / Kind.MODEL.folder}", ("name", *facts[0]), rows)


def _facts(artifact: Artifact) -> dict[str, object]:
    names = {"n_layers": "layers", "d_model": "d_model", "dtype": "dtype", "source": "made from"}
    return {name: artifact.manifest.config.get(key, "") for key, name in names.items()}


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
    facts = inputs.plain(description)
    facts["hook points proven"] = facts.pop("proven")
    facts["blocks only add"] = facts.pop("additive")
    facts["hook points"] = ", ".join(f"{site}.L" for site in description["hook_points"])
    facts["layers L"] = f"0 to {description['n_layers'] - 1}"
    console.print_facts(f"Model {description['name']}", facts)
    rows = [(each["form"], f"{each['bytes'] / 2**20:,.1f}") for each in description["memory"]]
    console.print_table("\nMemory for its weights", ("format", "MiB"), rows)
