"""`mistudio train`: train a sparse autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.store import LocalStore
from mistudio.cli import console, inputs
from mistudio.cli.options import AsJson, Out, configured
from mistudio.errors import BadInput
from mistudio.language_models.config import ModelConfig
from mistudio.progress import Progress
from mistudio.training.config import TrainConfig

if TYPE_CHECKING:
    from mistudio.activations.stream import ActivationSource


@configured(TrainConfig)
def train(
    context: typer.Context,
    activations: Annotated[
        list[str] | None, typer.Option("--activations", help="A recording made by trace; repeat for its shards.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Instead of a recording: run this model live.")] = None,
    corpus: Annotated[str | None, typer.Option("--corpus", help="With --model: tokens, a corpus or text.")] = None,
    layer: Annotated[int | None, typer.Option("--layer", help="With --model: the layer, from 0.")] = None,
    hook: Annotated[str, typer.Option("--hook", help="Hook point without its layer.")] = "resid_post",
    arch: Annotated[Literal["topk"], typer.Option("--arch", help="The SAE's architecture.")] = "topk",
    out: Out = None,
    as_json: AsJson = False,
    *,
    config: TrainConfig,
) -> None:
    """Train an SAE on recorded activations, or on a model directly.

    Interrupted or killed, the same command continues from the last checkpoint, bit for bit.

    Examples:

        mistudio train --activations ./acts --k 32 --expansion 8 --tokens 2000000 --out ./sae

        mistudio train --model smollm2 --corpus letters --layer 15 --tokens 10000000
    """
    _check_choice(activations, model, corpus, layer)
    from mistudio.training.train import train as run

    with console.working() as progress:
        source = _source(context.obj, activations, model, corpus, layer, hook, progress)
        width = f"k{config.sae.k}-x{config.sae.d_sae or config.sae.expansion:g}"
        path = inputs.place(context.obj, Kind.SAE, out, source.model_name, source.hook, arch, width)
        artifact = run(source, config, path, progress=progress)
    metrics = artifact.manifest.metrics
    if as_json:
        console.print_json({"path": str(artifact.path), **metrics})
        return
    console.print_facts(
        f"SAE {artifact.path}",
        {
            "hook point": source.hook,
            "latents": config.sae.width(source.d_in),
            "active per token": metrics["l0"],
            "tokens": metrics["tokens"],
            "tokens per second": metrics["tokens_per_second"],
            "highest learning rate": metrics["learning_rate"],
            "FVU of the last batch": metrics["fvu"],
            "dead latents": f"{metrics['dead_share']:.1%}",
            "left out": metrics["token_filter"]["rule"].removeprefix("excluded: "),
        },
    )
    console.remark(f"Next: mistudio eval {artifact.path} --model {model or 'MODEL'} --corpus {corpus or 'CORPUS'}")


def _check_choice(activations: list[str] | None, model: str | None, corpus: str | None, layer: int | None) -> None:
    if activations and (model or corpus):
        raise BadInput("Both a recording and a model are given.", remedy="Give --activations alone.")
    if not activations and (model is None or corpus is None or layer is None):
        raise BadInput(
            "There is nothing to train on.",
            remedy="Give --activations DIR, or --model, --corpus and --layer together.",
        )


def _source(
    store: LocalStore,
    activations: list[str] | None,
    model: str | None,
    corpus: str | None,
    layer: int | None,
    hook: str,
    progress: Progress,
) -> ActivationSource:
    from mistudio.activations.stream import ModelSource, RecordedSource

    if activations:
        name = f"{hook}.{layer}" if layer is not None else None
        return RecordedSource([store.find(Kind.ACTIVATIONS, each) for each in activations], hook=name)
    assert model is not None
    assert corpus is not None
    tokens = inputs.tokens_for(store, corpus, model, progress)
    lm = inputs.load_model(store, ModelConfig(source=model), progress)
    return ModelSource(lm, tokens, f"{hook}.{layer}")
