"""`mistudio corpus add|tokenize|stats|sample`: bring text in, tokenize it, look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mistudio.artifacts.kinds import Kind
from mistudio.cli import console, inputs
from mistudio.cli.options import AsJson, configured
from mistudio.corpora.config import CorpusConfig, TokenizeConfig

app = typer.Typer(no_args_is_help=True, help="Add text, tokenize it for a model, describe and sample it.")

Sources = Annotated[list[str], typer.Argument(help="Files, folders, or ids of data sets on the Hub.")]
Tokenized = Annotated[str, typer.Argument(help="Tokens: a name in the store or a directory.")]
Name = Annotated[str | None, typer.Option("--name", help="Name in the store; made from the source if not given.")]
Unreadable = Annotated[
    bool, typer.Option("--leave-out-unreadable", help="Leave out files that cannot be read, and name them.")
]
Model = Annotated[str, typer.Option("--model", help="The model whose tokenizer to use: Hub id, path or stored name.")]


@app.command("add")
@configured(CorpusConfig, leave_out=("sources",))
def add(
    context: typer.Context,
    sources: Sources,
    name: Name = None,
    leave_out_unreadable: Unreadable = False,
    as_json: AsJson = False,
    *,
    config: Any,
) -> None:
    """Bring text in as a corpus, and set documents aside for evaluation.

    A file that cannot be read ends the work, unless `--leave-out-unreadable` is given.

    Examples:

        mistudio corpus add ./letters --held-out 0.1

        mistudio corpus add wikitext --config-name wikitext-103-v1 --limit 10000
    """
    from mistudio.corpora.corpus import add_corpus

    path = context.obj.path(Kind.CORPUS, name or inputs.slug(Path(sources[0]).stem))

    def say(file: str, error: Exception) -> None:
        console.remark(f"Left out {file}: {error}")

    with console.working() as progress:
        artifact = add_corpus(
            config(sources=tuple(sources)), path, progress=progress, left_out=say if leave_out_unreadable else None
        )
    if as_json:
        console.print_json({"path": str(path), **artifact.manifest.metrics})
        return
    console.print_facts(f"Corpus {path.name}", inputs.plain(artifact.manifest.metrics))
    console.remark(f"Next: mistudio corpus tokenize {path.name} --model MODEL")


@app.command("tokenize")
@configured(TokenizeConfig)
def tokenize(
    context: typer.Context,
    corpus: Annotated[str, typer.Argument(help="A corpus: a name in the store or a directory.")],
    model: Model,
    name: Name = None,
    as_json: AsJson = False,
    *,
    config: TokenizeConfig,
) -> None:
    """Tokenize a corpus for a model and pack it into contexts of equal length.

    Examples:

        mistudio corpus tokenize letters --model HuggingFaceTB/SmolLM2-135M-Instruct --context-length 256
    """
    from mistudio.corpora.tokenize import tokenize as run

    source = inputs.model_source(context.obj, model)
    path = context.obj.path(Kind.TOKENS, name or f"{inputs.slug(corpus)}-{inputs.slug(model)}")
    with console.working() as progress:
        artifact = run(context.obj.find(Kind.CORPUS, corpus), source, config, path, progress=progress)
    if as_json:
        console.print_json({"path": str(path), **artifact.manifest.metrics})
        return
    console.print_facts(f"Tokens {path.name}", inputs.plain(artifact.manifest.metrics))
    console.remark(f"Next: mistudio trace --model {model} --layer N --corpus {path.name}")


@app.command("stats")
def stats(context: typer.Context, tokens: Tokenized, as_json: AsJson = False) -> None:
    """Count documents, tokens, lengths, and the vocabulary's use.

    Examples:

        mistudio corpus stats letters-smollm2
    """
    from mistudio.corpora.statistics import stats as run
    from mistudio.corpora.tokens import Tokens

    with console.working() as progress:
        found = run(Tokens.open(context.obj.find(Kind.TOKENS, tokens)), progress=progress).model_dump(mode="json")
    if as_json:
        console.print_json(found)
        return
    lengths, frequent = found.pop("lengths"), found.pop("most_frequent")
    bars = lengths.pop("histogram")
    console.print_facts(f"Tokens {tokens}", inputs.plain(found))
    console.print_facts("\nTokens in a document", lengths)
    rows = [(f"{bar['low']:,} to {bar['high'] - 1:,}", bar["documents"]) for bar in bars]
    console.print_table("", ("tokens", "documents"), rows)
    console.print_table(
        "\nMost frequent tokens",
        ("id", "token", "count"),
        [(str(row["id"]), console.token(row["text"]), row["count"]) for row in frequent[:20]],
    )


@app.command("sample")
def sample(
    context: typer.Context,
    tokens: Tokenized,
    n: Annotated[int, typer.Option("--n", min=1, help="Contexts to show.")] = 3,
    seed: Annotated[int, typer.Option("--seed", help="Of the draw.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Show random contexts as the model sees them.

    Examples:

        mistudio corpus sample letters-smollm2 --n 5
    """
    from mistudio.corpora.statistics import sample as run
    from mistudio.corpora.tokens import Tokens

    drawn = [each.model_dump(mode="json") for each in run(Tokens.open(context.obj.find(Kind.TOKENS, tokens)), n, seed)]
    if as_json:
        console.print_json(drawn)
        return
    for each in drawn:
        console.say(f"── context {each['context']} · {', '.join(each['documents'])}", "dim")
        console.say("".join(each["pieces"]))
