"""`mistudio bench step|record|sweep`: measure against other libraries, side by side in one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mistudio.bench.config import RecordBenchConfig, StepBenchConfig, SweepBenchConfig
from mistudio.cli import console, inputs
from mistudio.cli.options import AsJson, configured
from mistudio.language_models.config import ModelConfig
from mistudio.sae.config import TRAINABLE

if TYPE_CHECKING:
    from mistudio.artifacts.store import LocalStore
    from mistudio.bench.result import Result
    from mistudio.bench.table import Table
    from mistudio.corpora.tokens import Tokens
    from mistudio.language_models.loading import LanguageModel
    from mistudio.progress import Progress

app = typer.Typer(help="Measure speed against other libraries, interleaved in one run. Without a verb: all.")

ResultFile = Annotated[Path | None, typer.Option("--out", help="Also write the result to this JSON file.")]
_RESULTS = Path("benchmarks/results")


@app.callback(invoke_without_command=True)
def every(context: typer.Context) -> None:
    """Run every benchmark and write its result to benchmarks/results/, from which the documentation is made."""
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


def _report(result: Result, table: Table, out: Path | None, as_json: bool) -> None:
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        result.write(out)
    if as_json:
        console.print_json(result.model_dump(mode="json"))
    else:
        console.print_table(table.title, table.columns, table.rows)
