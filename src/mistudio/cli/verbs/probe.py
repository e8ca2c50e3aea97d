"""`mistudio probe`: ask what an SAE's latents know of labels, or of how words are spelled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mistudio.artifacts.atomic import write_json
from mistudio.artifacts.kinds import Kind
from mistudio.cli import console, inputs
from mistudio.cli.options import AsJson, configured
from mistudio.errors import BadInput
from mistudio.evaluation.probing.config import LabelsConfig, ProbingConfig, SpellingConfig
from mistudio.language_models.config import ModelConfig

if TYPE_CHECKING:
    from mistudio.evaluation.probing.result import LabelProbing, SpellingProbing


@configured(ProbingConfig)
def probe(
    context: typer.Context,
    sae: Annotated[str, typer.Argument(help="The SAE: a directory or a name in the store.")],
    model: Annotated[str, typer.Option("--model", help="The model that it was trained on.")],
    corpus: Annotated[
        str | None,
        typer.Option("--corpus", help="Documents with labels: a corpus, its tokens, or a CSV or JSONL file."),
    ] = None,
    spelling: Annotated[
        bool, typer.Option("--spelling", help="Probe for the first letters of the model's own words; needs no corpus.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the result to this JSON file.")] = None,
    as_json: AsJson = False,
    *,
    config: ProbingConfig,
) -> None:
    """Measure what latents know of people's concepts: sparse probing and TPP on labels, absorption on spelling.

    Examples:

        mistudio probe ./sae --model smollm2 --corpus speeches --label party

        mistudio probe ./sae --model smollm2 --spelling
    """
    from mistudio.evaluation.probing.documents import labelled_documents
    from mistudio.evaluation.probing.labels import probe_labels
    from mistudio.evaluation.probing.spelling import probe_spelling
    from mistudio.sae.native_file import load_sae

    _check(context, config, corpus, spelling=spelling)
    with console.working() as progress:
        directory = inputs.directory(context.obj, Kind.SAE, sae)
        loaded = load_sae(directory)
        place, documents = None, None
        if corpus is not None:
            place = inputs.corpus_for(context.obj, corpus, progress)
            documents = labelled_documents(place, config.labels, seed=config.fit.seed)
        lm = inputs.load_model(context.obj, ModelConfig(source=model), progress)
        inputs.remark_on_another_model(loaded, lm)
        result: LabelProbing | SpellingProbing
        if documents is not None:
            result = probe_labels(loaded, lm, documents, config.labels, config.fit, progress=progress)
        else:
            result = probe_spelling(loaded, lm, config.spelling, config.fit, progress=progress)
    inputs.keep_probing(context.obj, result, directory, place)
    if out is not None:
        write_json(out, result.model_dump(mode="json"))
    if as_json:
        console.print_json(result.model_dump(mode="json"))
    else:
        _print(sae, result)


def _check(context: typer.Context, config: ProbingConfig, corpus: str | None, *, spelling: bool) -> None:
    """Refuse options that would do nothing."""
    if spelling == (corpus is not None):
        raise BadInput(
            "Both a corpus and --spelling are given." if spelling else "There is nothing to probe for.",
            remedy="Give either --corpus and --label, or --spelling.",
        )
    if not spelling and config.labels.label is None:
        raise BadInput("No label is named.", remedy="Name a key of the documents' metadata with --label.")
    idle, needed = (LabelsConfig, "--corpus") if spelling else (SpellingConfig, "--spelling")
    for name in idle.model_fields:
        source = context.get_parameter_source(name)
        if source is not None and not source.name.startswith("DEFAULT"):
            raise BadInput(f"--{name.replace('_', '-')} works with {needed} only.", remedy="Leave it out.")


def _print(sae: str, result: LabelProbing | SpellingProbing) -> None:
    from mistudio.evaluation.probing.result import LabelProbing

    if isinstance(result, LabelProbing):
        _print_labels(sae, result)
    else:
        _print_spelling(sae, result)


def _print_labels(sae: str, result: LabelProbing) -> None:
    console.say(f"{sae} on {result.test_documents:,} documents that no probe was fitted on, by {result.config.label}\n")
    for name, title in (("accuracy", "Accuracy"), ("balanced_accuracy", "Balanced accuracy"), ("auc", "AUC")):
        plain = name == "accuracy"
        columns = ["class", "documents", *(f"k={k}" for k in result.config.ks), "all latents", "no SAE"]
        rows = []
        for each in result.classes:
            of_probes = [*(one.scores for one in each.sparse), each.all_latents, each.raw]
            numbers = [*(getattr(one, name) for one in of_probes), *([each.always_one_answer] if plain else [])]
            rows.append((each.label, each.documents, *(f"{number:.3f}" for number in numbers)))
        console.print_table(title, [*columns, "one answer"] if plain else columns, rows)
    if result.perturbations:
        console.print_table(
            "Targeted probe perturbation: fall of the own probe less fall of the others, in balanced accuracy",
            ("latents set to zero", *(each.label for each in result.classes), "mean"),
            [
                (each.k, *(f"{one.score:+.3f}" for one in each.classes), f"{each.score:+.3f}")
                for each in result.perturbations
            ],
        )
    if result.left_out_classes:
        left_out = ", ".join(f"{label} ({count})" for label, count in result.left_out_classes.items())
        console.remark(f"Left out, with fewer than {result.config.min_documents} documents: {left_out}.")


def _print_spelling(sae: str, result: SpellingProbing) -> None:
    columns = ("letter", "words", "probe F1", "F1 of one", "main latents", "absorbed", "rate", "fraction")
    console.print_table(
        f"{sae} on {result.test_words:,} words that no probe was fitted on",
        columns,
        [
            (
                each.letter,
                each.test_words,
                f"{each.probe.f1:.3f}",
                f"{each.f1_by_k[0]:.3f}",
                " ".join(map(str, each.main_latents)),
                f"{each.absorbed_words} of {each.right_words}",
                f"{each.absorption_rate:.3f}",
                f"{each.absorption_fraction:.3f}",
            )
            for each in result.letters
        ],
    )
    console.print_facts(
        "Mean of these letters",
        {
            "absorption rate": result.absorption_rate,
            "absorption fraction": result.absorption_fraction,
            "main latents": result.main_latents,
            "letters that are split": result.split_letters,
        },
    )
    for letter, reason in result.left_out_letters.items():
        console.remark(f"Left out {letter}: {reason}.")
