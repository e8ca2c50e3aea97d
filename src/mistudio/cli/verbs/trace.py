"""`mistudio trace`: record a model's activations to Parquet."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mistudio.activations.config import TraceConfig
from mistudio.artifacts.kinds import Kind
from mistudio.cli import console, inputs
from mistudio.cli.options import AsJson, Out, configured
from mistudio.language_models.config import ModelConfig


@configured(TraceConfig, leave_out=("hooks", "shard"), names={"max_tokens": ("--tokens", "--max-tokens")})
def trace(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", help="Hub id, local directory, .gguf file or stored name.")],
    corpus: Annotated[str, typer.Option("--corpus", help="Tokens, a corpus, text files, or a data set's id.")],
    layer: Annotated[list[int], typer.Option("--layer", help="Layer to record, from 0; repeat for several.")],
    hook: Annotated[
        list[str],
        typer.Option("--hook", help="resid_pre, resid_post, mlp_in, mlp_out, attn_out or attn_z; repeat for several."),
    ] = ["resid_post"],  # noqa: B006 — Typer copies it
    shard: Annotated[str, typer.Option("--shard", help="Record part i of n only, as i/n, counting from 0.")] = "0/1",
    out: Out = None,
    as_json: AsJson = False,
    *,
    config: Any,
) -> None:
    """Record what stands at hook points of a model while it reads a corpus.

    BOS, special and massive-activation tokens are left out, and counted. Interrupted, the same command continues.

    Examples:

        mistudio trace --model smollm2 --corpus ./letters --layer 15

        mistudio trace --model smollm2 --corpus letters --layer 10 --layer 20 --hook mlp_out --out ./acts
    """
    from mistudio.activations.record import trace as run

    hooks = tuple(f"{site}.{number}" for site in hook for number in layer)
    settings = config(hooks=hooks, shard=inputs.shard(shard))
    with console.working() as progress:
        tokens = inputs.tokens_for(context.obj, corpus, model, progress)
        part = () if shard == "0/1" else (shard.replace("/", "-of-"),)
        path = inputs.place(context.obj, Kind.ACTIVATIONS, out, model, corpus, *hooks, *part)
        lm = inputs.load_model(context.obj, ModelConfig(source=model), progress)
        artifact = run(lm, tokens, settings, path, progress=progress)
    metrics = artifact.manifest.metrics
    if as_json:
        console.print_json({"path": str(artifact.path), **metrics})
        return
    console.print_facts(f"Activations {artifact.path}", inputs.plain(metrics))
    console.print_table(
        "",
        ("hook point", "width", "dtype", "tokens kept", "special left out", "massive left out", "largest norm kept"),
        [
            (
                hook,
                *(each[key] for key in ("d", "dtype", "tokens", "excluded_special", "excluded_massive")),
                each["filter"]["max_norm"],
            )
            for hook, each in metrics["hooks"].items()
        ],
    )
    console.remark(f"Next: mistudio train --activations {artifact.path}")
