"""`mistudio bench step|record|sweep|quality`: measure against other libraries, side by side in one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.store import LocalStore
from mistudio.bench.config import QualityBenchConfig, RecordBenchConfig, StepBenchConfig, SweepBenchConfig
from mistudio.cli import console, inputs
from mistudio.cli.options import AsJson, configured
from mistudio.errors import BadInput
from mistudio.language_models.config import ModelConfig
from mistudio.sae.config import TRAINABLE

if TYPE_CHECKING:
    from mistudio.bench.result import Result
    from mistudio.bench.table import Table
    from mistudio.corpora.tokens import Tokens
    from mistudio.language_models.loading import LanguageModel
    from mistudio.progress import Progress

app = typer.Typer(help="Measure against other libraries, side by side. Without a verb: speed, all of it.")

ResultFile = Annotated[Path | None, typer.Option("--out", help="Also write the result to this JSON file.")]
_RESULTS = Path("benchmarks/results")


@app.callback(invoke_without_command=True)
def every(context: typer.Context) -> None:
    """Run every benchmark of speed, and write its result to benchmarks/results/: the documentation is made of them."""
    from mistudio.bench.page import step_file

    if context.invoked_subcommand is None:
        for architecture in TRAINABLE:
            step(context=context, arch=architecture, out=_RESULTS / step_file(architecture))
        record(context=context, out=_RESULTS / "record.json")
        sweep(context=context, out=_RESULTS / "sweep.json")


@app.command("step")
@configured(StepBenchConfig)
def step(
    context: typer.Context,
    peers: Annotated[bool, typer.Option("--peers/--no-peers", help="Measure sparsify and SAELens too.")] = True,
    environment: Annotated[
        Path | None, typer.Option("--environment", help="Virtual environment of the other libraries, made if missing.")
    ] = None,
    out: ResultFile = None,
    as_json: AsJson = False,
    *,
    config: StepBenchConfig,
) -> None:
    """Time one training step: ours, sparsify's, SAELens', and the matrix product that none can avoid.

    The other libraries are installed once, into an environment of their own.

    Examples:

        mistudio bench step --rounds 15 --out benchmarks/results/step-topk.json
    """
    from mistudio.bench.peers import PeersEnvironment
    from mistudio.bench.step import bench_step
    from mistudio.bench.table import step_table

    with console.working() as progress:
        place = environment or context.obj.home / "bench-peers"
        others = PeersEnvironment.ensure(place, progress=progress) if peers else None
        result = bench_step(config, others, progress)
    _report(result, step_table(result), out, as_json)


@app.command("record")
@configured(RecordBenchConfig)
def record(
    context: typer.Context,
    model: Annotated[str | None, typer.Option("--model", help="Model to run; the demo's if not given.")] = None,
    corpus: Annotated[str | None, typer.Option("--corpus", help="Text to read; the demo's if not given.")] = None,
    out: ResultFile = None,
    as_json: AsJson = False,
    *,
    config: RecordBenchConfig,
) -> None:
    """Time recording to disk beside the bare partial forward pass of the same model.

    Examples:

        mistudio bench record --out benchmarks/results/record.json
    """
    from mistudio.bench.record import bench_record
    from mistudio.bench.table import record_table

    with console.working() as progress:
        lm, tokens = _model_and_text(context.obj, model, corpus, progress)
        result = bench_record(config, lm, tokens, progress, folder=context.obj.home)
    _report(result, record_table(result), out, as_json)


@app.command("sweep")
@configured(SweepBenchConfig)
def sweep(
    context: typer.Context,
    model: Annotated[str | None, typer.Option("--model", help="Model to run; the demo's if not given.")] = None,
    corpus: Annotated[str | None, typer.Option("--corpus", help="Text to read; the demo's if not given.")] = None,
    out: ResultFile = None,
    as_json: AsJson = False,
    *,
    config: SweepBenchConfig,
) -> None:
    """Time a sweep of SAEs on one forward pass of a model beside the same SAEs trained one after the other.

    Examples:

        mistudio bench sweep --out benchmarks/results/sweep.json
    """
    from mistudio.bench.sweep import bench_sweep
    from mistudio.bench.table import sweep_table

    with console.working() as progress:
        lm, tokens = _model_and_text(context.obj, model, corpus, progress)
        result = bench_sweep(config, lm, tokens, progress)
    _report(result, sweep_table(result), out, as_json)


def _model_and_text(
    store: LocalStore, model: str | None, corpus: str | None, progress: Progress
) -> tuple[LanguageModel, Tokens]:
    """What was named, or the demo's."""
    from mistudio.demo.road import model_and_text

    if model is None or corpus is None:
        return model_and_text(store, progress)
    tokens = inputs.tokens_for(store, corpus, model, progress)
    return inputs.load_model(store, ModelConfig(source=model), progress), tokens


@app.command("quality")
@configured(QualityBenchConfig)
def quality(
    context: typer.Context,
    data: Annotated[
        str, typer.Option("--data", help="synthetic: known features; or a recording made by trace.")
    ] = "synthetic",
    held_out: Annotated[
        str | None,
        typer.Option("--held-out", help="A recording to measure on; a tenth of the recording if not given."),
    ] = None,
    environment: Annotated[
        Path | None, typer.Option("--environment", help="Virtual environment of the other libraries, made if missing.")
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option("--work", help="Folder for finished SAEs' numbers; bench-quality in the store if not given."),
    ] = None,
    out: ResultFile = None,
    as_json: AsJson = False,
    *,
    config: QualityBenchConfig,
) -> None:
    """Compare SAEs of every library: same tokens, same order, each library at its own best learning rate.

    Interrupted, the same command goes on where it stopped: each SAE's numbers are on disk as soon as it is measured.

    Examples:

        mistudio bench quality --libraries mistudio --libraries saelens --k 32 --seeds 1 --tokens 100000

        mistudio bench quality --data ./acts --held-out ./acts-held-out --out benchmarks/results/quality-recorded.json
    """
    from mistudio.bench.peers import PeersEnvironment, trainers_of
    from mistudio.bench.quality import bench_quality
    from mistudio.bench.quality_data import RecordedData, SyntheticData
    from mistudio.bench.table import quality_table

    if held_out is not None and data == "synthetic":
        raise BadInput("--held-out goes with a recording.", remedy="Leave it out, or give --data a recording.")
    store: LocalStore = context.obj
    activations: SyntheticData | RecordedData = SyntheticData(config)
    if data != "synthetic":
        tested = store.find(Kind.ACTIVATIONS, held_out) if held_out else None
        activations = RecordedData(store.find(Kind.ACTIVATIONS, data), tested, config)
    with console.working() as progress:
        contenders = trainers_of(None)
        if set(config.libraries) - set(contenders):
            place = environment or store.home / "bench-peers"
            contenders = PeersEnvironment.ensure(place, progress=progress).trainers
        result = bench_quality(config, activations, contenders, work or store.home / "bench-quality", progress)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        result.write(out)
    if as_json:
        console.print_json(result.model_dump(mode="json"))
        return
    for arch in config.archs:
        table = quality_table(result, arch)
        console.print_table(table.title, table.columns, table.rows)


def _report(result: Result, table: Table, out: Path | None, as_json: bool) -> None:
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        result.write(out)
    if as_json:
        console.print_json(result.model_dump(mode="json"))
    else:
        console.print_table(table.title, table.columns, table.rows)
