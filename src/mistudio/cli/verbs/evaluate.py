"""`mistudio eval`: say how good an SAE is on text that it was not trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mistudio.artifacts.kinds import Kind
from mistudio.cli import console, inputs
from mistudio.cli.options import AsJson, configured
from mistudio.evaluation.config import EvaluateConfig
from mistudio.language_models.config import ModelConfig


@configured(EvaluateConfig)
def evaluate(
    context: typer.Context,
    sae: Annotated[str, typer.Argument(help="The SAE: a directory or a name in the store.")],
    model: Annotated[str, typer.Option("--model", help="The model that it was trained on.")],
    corpus: Annotated[str, typer.Option("--corpus", help="Tokens, a corpus or text; held-out documents are used.")],
    against: Annotated[
        str | None,
        typer.Option(
            "--against", help="Another SAE, such as one of another seed: say how far it has the same latents."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the result to this JSON file.")] = None,
    as_json: AsJson = False,
    *,
    config: EvaluateConfig,
) -> None:
    """Measure reconstruction (FVU, cosine, L0), dead and twin latents, and what splicing the SAE in costs the model.

    Examples:

        mistudio eval ./sae --model smollm2 --corpus letters --json
        mistudio eval ./seed-0 --against ./seed-1 --model smollm2 --corpus letters
    """
    from mistudio.evaluation.definitions import METRICS
    from mistudio.evaluation.evaluate import evaluate as run
    from mistudio.evaluation.result import write_evaluation
    from mistudio.sae.native_file import load_sae

    with console.working() as progress:
        place = inputs.directory(context.obj, Kind.SAE, sae)
        loaded = load_sae(place)
        compared = inputs.directory(context.obj, Kind.SAE, against) if against is not None else None
        other = load_sae(compared) if compared is not None else None
        tokens = inputs.tokens_for(context.obj, corpus, model, progress)
        lm = inputs.load_model(context.obj, ModelConfig(source=model), progress)
        inputs.remark_on_another_model(loaded, lm)
        result = run(loaded, lm, tokens, config, against=other, progress=progress)
    inputs.keep_evaluation(context.obj, result, place, compared)
    if out is not None:
        write_evaluation(result, out)
    if as_json:
        console.print_json(result.model_dump(mode="json"))
        return
    rows = [
        (name, value, METRICS[name].unit.removeprefix("1"), METRICS[name].definition.replace("`", ""))
        for name, value in result.numbers().items()
    ]
    text = {"held_out": "held-out tokens", "train": "tokens it may have been trained on", "all": "tokens"}[config.split]
    console.print_table(f"{sae} on {result.tokens:,} {text}", ("", "value", "unit", "definition"), rows)
    left_out = result.excluded
    console.remark(f"Left out: {left_out.special:,} special and {left_out.massive:,} massive-activation tokens.")
