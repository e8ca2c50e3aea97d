"""`mistudio train`: train a sparse autoencoder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mistudio.activations.config import StreamConfig
from mistudio.artifacts.atomic import partial_of
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.store import LocalStore
from mistudio.cli import console, inputs
from mistudio.cli.options import AsJson, Out, configured, validated
from mistudio.errors import BadInput
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.hook_points import HookPoint
from mistudio.progress import Progress
from mistudio.training.config import TrainConfig

if TYPE_CHECKING:
    from mistudio.activations.stream import ActivationSource

_Point = str | tuple[str, str] | None
"""A hook point, or a transcoder's two."""


@configured(TrainConfig, from_file=True, names={"architecture": ("--arch",)})
def train(
    context: typer.Context,
    activations: Annotated[
        list[str] | None, typer.Option("--activations", help="A recording made by trace; repeat for its shards.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Instead of a recording: run this model live.")] = None,
    corpus: Annotated[str | None, typer.Option("--corpus", help="With --model: tokens, a corpus or text.")] = None,
    layer: Annotated[int | None, typer.Option("--layer", help="With --model: the layer, from 0.")] = None,
    hook: Annotated[
        str | None,
        typer.Option(
            "--hook",
            help="Hook point, or with its layer: resid_post.15; if not given resid_post, or with --target mlp_in.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted run, and refuse where there is none.")
    ] = False,
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

        mistudio train --activations ./acts --config run.json --k 64

        mistudio train --model smollm2 --corpus letters --layer 15 --target mlp_out --skip
    """
    point = config.sae.hooks(_point(hook, layer, "mlp_in" if config.sae.target else "resid_post"))
    _check_choice(activations, model, corpus, point)
    from mistudio.training.train import train as run

    with console.working() as progress:
        source = _source(context.obj, activations, model, corpus, point, config.seed, progress)
        parts = (source.model_name, source.hook, config.sae.architecture, config.sae.label)
        path = inputs.place(context.obj, Kind.SAE, out, *parts)
        if resume:
            _check_begun(path)
        artifact = run(source, config, path, progress=progress)
    metrics = artifact.manifest.metrics
    if as_json:
        console.print_json({"path": str(artifact.path), **metrics})
        return
    console.print_facts(
        f"SAE {artifact.path}",
        {
            "hook point": source.hook,
            "latents": config.sae.width(source.parts[0].width),
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


def _point(hook: str | None, layer: int | None, usual: str) -> str | None:
    """The hook point that both options together name; None where they name none."""
    if hook is not None and "." in hook:
        point = HookPoint.parse(hook)
        if layer not in (None, point.layer):
            raise BadInput(f"--hook {hook} and --layer {layer} name two layers.", remedy="Leave out --layer.")
        return str(point)
    if layer is not None:
        return f"{hook or usual}.{layer}"
    if hook is not None:
        raise BadInput(f"--hook {hook} does not say which layer.", remedy=f"Add --layer N, or write --hook {hook}.N.")
    return None


def _check_begun(out: Path) -> None:
    from mistudio.training.layout import latest_checkpoint

    if latest_checkpoint(partial_of(out)) is None:
        raise BadInput(
            f"There is nothing to resume: no interrupted run has a checkpoint at {out}.",
            remedy="Give the --out of the interrupted run, or leave out --resume to begin.",
        )


def _check_choice(activations: list[str] | None, model: str | None, corpus: str | None, point: _Point) -> None:
    if activations and (model or corpus):
        raise BadInput("Both a recording and a model are given.", remedy="Give --activations alone.")
    if not activations and (model is None or corpus is None or point is None):
        raise BadInput(
            "There is nothing to train on.",
            remedy="Give --activations DIR, or --model, --corpus and --layer together.",
        )


def _source(
    store: LocalStore,
    activations: list[str] | None,
    model: str | None,
    corpus: str | None,
    point: _Point,
    seed: int,
    progress: Progress,
) -> ActivationSource:
    from mistudio.activations.stream import ModelSource, RecordedSource

    order = validated(StreamConfig, {"seed": seed})
    if activations:
        recordings = [store.find(Kind.ACTIVATIONS, each) for each in activations]
        return RecordedSource(recordings, hook=point, seed=order.seed)
    assert model is not None
    assert corpus is not None
    assert point is not None
    tokens = inputs.tokens_for(store, corpus, model, progress)
    lm = inputs.load_model(store, ModelConfig(source=model), progress)
    return ModelSource(lm, tokens, point, order, progress=progress)
