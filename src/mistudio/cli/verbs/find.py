"""`mistudio find`: find what activates each latent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mistudio.activations.config import Split
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import MANIFEST, open_artifact
from mistudio.cli import console, inputs
from mistudio.cli.options import AsJson, Out, configured
from mistudio.errors import BadInput
from mistudio.features.config import FindConfig
from mistudio.language_models.config import ModelConfig

if TYPE_CHECKING:
    from mistudio.activations.stream import ActivationSource
    from mistudio.features.pages import Features


@configured(FindConfig)
def find(
    context: typer.Context,
    sae: Annotated[str, typer.Argument(help="The SAE: a directory or a name in the store.")],
    model: Annotated[str, typer.Option("--model", help="The model that it was trained on.")],
    corpus: Annotated[str, typer.Option("--corpus", help="Tokens, a corpus or text to look through.")],
    activations: Annotated[
        list[str] | None, typer.Option("--activations", help="A recording of that corpus: spares running the model.")
    ] = None,
    split: Annotated[Split, typer.Option("--split", help="Without a recording: which contexts to read.")] = "train",
    out: Out = None,
    as_json: AsJson = False,
    *,
    config: FindConfig,
) -> None:
    """Encode the corpus once, sort once, and index where every latent is active, how often, and what it promotes.

    Examples:

        mistudio find ./sae --model smollm2 --corpus letters --out ./features
    """
    if activations and split != "train":
        raise BadInput(
            "A recording has its split already: --split goes with a model alone.",
            remedy="Leave out --split, or leave out --activations.",
        )
    from mistudio.activations.stream import ModelSource, RecordedSource
    from mistudio.features.find import find as run
    from mistudio.features.pages import Features
    from mistudio.sae.native_file import load_sae

    directory = inputs.directory(context.obj, Kind.SAE, sae)
    with console.working() as progress:
        loaded = load_sae(directory)
        tokens = inputs.tokens_for(context.obj, corpus, model, progress)
        lm = inputs.load_model(context.obj, ModelConfig(source=model), progress)
        inputs.remark_on_another_model(loaded, lm)
        path = inputs.place(context.obj, Kind.FEATURES, out, directory.name, "features")
        source: ActivationSource
        if activations:
            recordings = [context.obj.find(Kind.ACTIVATIONS, each) for each in activations]
            source = RecordedSource(recordings, hook=loaded.hook)
        else:
            limit = inputs.token_filter(loaded.metadata)
            source = ModelSource(lm, tokens, loaded.hook, split=split, filter=limit, progress=progress)
        sealed = open_artifact(directory) if (directory / MANIFEST).is_file() else None
        artifact = run(loaded, source, tokens, lm, path, config, sae_artifact=sealed, progress=progress)
    if as_json:
        console.print_json({"path": str(artifact.path), **artifact.manifest.metrics})
        return
    metrics = artifact.manifest.metrics
    console.print_facts(
        f"Features {artifact.path}",
        {
            "tokens searched": metrics["tokens"],
            "activations": metrics["activations"],
            "latents alive": metrics["latents_alive"],
            "latents dead": metrics["latents_dead"],
            "tokens per second": metrics["tokens_per_second"],
        },
    )
    features = Features.open(artifact.path)
    pages = [features.latent(latent) for latent in features.interesting(10)]
    rows = [
        (
            str(page.statistics.latent),
            f"{page.statistics.density:.2%}",
            f"{page.statistics.max:.3g}",
            _words(features, page.statistics.top_tokens),
            _words(features, [each.token_id for each in page.promoted[:5]]),
        )
        for page in pages
    ]
    console.print_table(
        f"\n{len(rows)} latents to begin with", ("latent", "density", "max", "most active on", "promotes"), rows
    )
    latent = rows[0][0] if rows else "LATENT"
    console.remark(
        f'Next: mistudio steer --model {model} --sae {sae} --features {artifact.path} --feature {latent}=1 "Once"'
    )


def _words(features: Features, token_ids: Sequence[int]) -> str:
    return "  ".join(console.token(features.pieces([token_id])[0]) for token_id in token_ids)
