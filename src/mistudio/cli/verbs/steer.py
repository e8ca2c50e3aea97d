"""`mistudio steer`: let the model write with latents turned up, down or held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mistudio.artifacts.kinds import Kind
from mistudio.cli import console, inputs
from mistudio.cli.options import AsJson, configured, validated
from mistudio.errors import BadInput
from mistudio.language_models.config import ModelConfig
from mistudio.steering.config import Edit, GenerateConfig, SteeringSpec

if TYPE_CHECKING:
    from mistudio.features.pages import Features
    from mistudio.sae.sparse_autoencoder import SparseAutoencoder


@configured(GenerateConfig)
def steer(
    context: typer.Context,
    prompts: Annotated[list[str], typer.Argument(help="One or more prompts to continue.")],
    sae: Annotated[str, typer.Option("--sae", help="The SAE: a directory or a name in the store.")],
    features: Annotated[str, typer.Option("--features", help="Its features: they say what a strength of 1 is.")],
    model: Annotated[str, typer.Option("--model", help="The model that the SAE was trained on.")],
    feature: Annotated[
        list[str],
        typer.Option("--feature", help="ID=STRENGTH adds, ID:clamp=STRENGTH holds; repeat for several together."),
    ],
    as_json: AsJson = False,
    *,
    config: GenerateConfig,
) -> None:
    """Continue prompts twice in one batch: as the model is, and with latents edited.

    A strength of 1 is the largest activation that the latent had on the corpus; -1 pushes the other way, clamping to 0
    switches it off. BOS and other special tokens are left alone.

    Examples:

        mistudio steer --sae ./sae --features ./features --model smollm2 --feature 1234=1.5 "My fellow citizens"

        mistudio steer --sae ./sae --features ./features --model smollm2 --feature 7:clamp=0 --feature 9=2 "Today"
    """
    edits = tuple(_edit(text) for text in feature)
    from mistudio.features.pages import Features
    from mistudio.sae.native_file import load_sae
    from mistudio.steering.steer import steer as run

    with console.working() as progress:
        loaded = load_sae(inputs.directory(context.obj, Kind.SAE, sae))
        limit = inputs.token_filter(loaded.metadata)
        index = Features.open(inputs.directory(context.obj, Kind.FEATURES, features))
        _check_match(loaded, index, sae, features)
        units = {edit.latent: index.latent(edit.latent).statistics.max for edit in edits}
        lm = inputs.load_model(context.obj, ModelConfig(source=model), progress)
        inputs.remark_on_another_model(loaded, lm)
        result = run(
            lm,
            loaded,
            validated(SteeringSpec, {"hook": loaded.hook, "edits": edits}),
            prompts,
            config,
            max_activation=units,
            max_norm=limit.max_norm if limit else None,
            progress=progress,
        )
    if as_json:
        console.print_json(result.model_dump(mode="json"))
        return
    for number, prompt in enumerate(prompts):
        console.print_table(
            f"\n{prompt}" if number else prompt,
            ("", "goes on"),
            [("as it is", result.baseline(number).text), ("steered", result.steered(number).text)],
        )
    console.remark(
        "; ".join(
            f"Latent {edit.latent} {'plus' if edit.mode == 'add' else 'held at'} {edit.strength:g} × "
            f"{units[edit.latent]:.3g}, its largest activation"
            for edit in edits
        )
    )


def _check_match(loaded: SparseAutoencoder, index: Features, sae: str, features: str) -> None:
    """A strength is in units of the features' maxima: those of another SAE say nothing about this one's latents."""
    from mistudio.features.find import digest_of

    remedy = f"Give the SAE that they were found with, or find this one's: mistudio find {sae}."
    if index.hook != loaded.hook:
        raise BadInput(f"{features} has features of {index.hook}, and {sae} is an SAE of {loaded.hook}.", remedy=remedy)
    if index.artifact.manifest.metrics["sae_sha256"] != digest_of(loaded):
        raise BadInput(f"{features} has the features of another SAE than {sae}.", remedy=remedy)


def _edit(text: str) -> Edit:
    latent, equals, strength = text.partition("=")
    number, _, mode = latent.partition(":")
    try:
        if not equals:
            raise ValueError
        return Edit(latent=int(number), mode=mode or "add", strength=float(strength))
    except ValueError as error:
        raise BadInput(
            f"--feature {text!r} is not understood.", remedy="Write ID=STRENGTH or ID:clamp=STRENGTH, e.g. 1234=1.5."
        ) from error
