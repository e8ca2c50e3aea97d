"""The published numbers, written from the results, never by hand: a page of the documentation, a part of the README."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mistudio.bench.pareto import pareto_plot
from mistudio.bench.quality_result import QualityBenchResult
from mistudio.bench.result import RecordBenchResult, Result, StepBenchResult, SweepBenchResult, read_result
from mistudio.bench.table import quality_table, record_table, step_table, sweep_table
from mistudio.errors import BadInput
from mistudio.sae.config import TRAINABLE

RECORD = "record.json"
"""Name of a result in benchmarks/results/."""
SWEEP = "sweep.json"
"""Name of the result of a sweep there."""
_BEGIN = "<!-- benchmarks: written from benchmarks/results/*.json -->"
_END = "<!-- end of benchmarks -->"
_NOTE = "<!-- Written by mistudio.bench.page from benchmarks/results/*.json: measure again, then run `make docs`. -->"


_IMAGES = "images"
_HOW_QUALITY = (
    "Every library trains with its own trainer, optimiser and schedule, on the same tokens in the same order, and "
    "at its own best learning rate of one grid; at its defaults otherwise, save for warm-ups and windows that are "
    "longer than the run. What it writes is read and measured by one implementation on tokens that none of them was "
    "trained on. L0 and FVU are what the SAEs have; *FVU at k* is read off each library's own line at exactly the k "
    "that was asked for, and the last difference is taken seed by seed: above 0 where ours is better. ± and "
    "brackets are 95 % intervals over seeds. *Silent* latents are active on none of the held-out tokens. Seconds "
    "are those of training alone, on a machine that others may use too: `mistudio bench step` compares speed."
)


def step_file(architecture: str) -> str:
    """Name of the result of a training step in benchmarks/results/."""
    return f"step-{architecture}.json"


def benchmarks_page(results: Path) -> str:
    """The whole page, in Markdown.

    Args:
        results: folder that holds `step-ARCHITECTURE.json`, `record.json`, `sweep.json` and `quality-DATA.json`; what
            is missing is left out.

    Raises:
        ArtifactBroken: a file is not a result.
    """
    return "\n\n".join([_NOTE, "# Measurements", *_paragraphs(results)]) + "\n"


def benchmark_plots(results: Path) -> dict[str, str]:
    """The page's plots as SVG, by the name of the file that the page shows, in `images/`.

    Raises:
        ArtifactBroken: a file is not a result.
    """
    return {
        plot_file(name, arch): pareto_plot(result, arch)
        for name, result in _read_quality(results)
        for arch in result.config.archs
    }


def plot_file(name: str, architecture: str) -> str:
    """Name of the plot of a result and an architecture."""
    return f"{name}-{architecture}.svg"


def with_benchmarks(readme: str, results: Path) -> str:
    """A text with the measurements' short form between its two marks.

    Raises:
        BadInput: the text has no place for them.
        ArtifactBroken: a file is not a result.
    """
    before, begin, rest = readme.partition(_BEGIN)
    if not begin:
        raise BadInput(f"The text has no line {_BEGIN}.", remedy="Put that line where the measurements shall stand.")
    after = rest.partition(_END)[2] if _END in rest else rest
    return "\n\n".join([before + begin, *_summary(results), _END]) + "\n\n" + after.lstrip("\n")


def _paragraphs(results: Path) -> Iterator[str]:
    steps, record = _read(results)
    qualities = _read_quality(results)
    if not steps and record is None and not qualities:
        yield "Nothing has been measured yet."
    if steps:
        yield "## The training step"
        yield (
            "In each round every contender takes one whole step of its own training loop, optimiser and bookkeeping "
            "included, on the same synthetic activations; only one process is busy at a time, and idle ones do not "
            "spin (`OMP_WAIT_POLICY=passive`). Ratios are medians of the ratios within a round; CPU time is the work "
            "of all threads, which others on the machine hardly change. No latent counts as dead yet, in any library. "
            "Where a penalty decides how many latents are active, ours are measured while k of them are."
        )
    for step in steps:
        yield f"### {TRAINABLE[step.config.arch].title}: {_shape(step)}"
        yield step_table(step).markdown()
        yield _against_limit(step)
        yield _conditions(step)
        yield "Versions: " + ", ".join(sorted({entry.library for entry in (step.ours, *step.peers)})) + "."
    if record is not None:
        yield "## Recording"
        yield (
            f"`{record.config.hook}` of {record.model}; {record.config.rounds} rounds of {record.config.contexts} "
            f"contexts of {record.context_length} tokens; {record.config.dtype} on disk. Recording has ended when "
            "the sealed artifact is on disk; the forward pass alone stops at the same hook point and keeps nothing."
        )
        yield record_table(record).markdown()
        yield _conditions(record)
    if (results / SWEEP).is_file():
        yield from _sweep(read_result(SweepBenchResult, results / SWEEP))
    if qualities:
        yield "## Quality"
        yield _HOW_QUALITY
    for name, result in qualities:
        yield from _quality(name, result)


def _sweep(sweep: SweepBenchResult) -> Iterator[str]:
    yield "## A sweep"
    yield (
        f"{sweep.saes} SAEs ({', '.join(sweep.config.architectures)}; k = {', '.join(map(str, sweep.config.ks))}) on "
        f"`{sweep.config.hook}` of {sweep.model}, which runs live: all of them on one forward pass, against one after "
        "the other. Everything after loading the model counts: the filter's calibration, the sample that training "
        "starts from, the steps, and writing the SAEs."
    )
    yield sweep_table(sweep).markdown()
    yield _conditions(sweep)


def _quality(name: str, result: QualityBenchResult) -> Iterator[str]:
    config = result.config
    yield f"### {result.data}"
    chosen = "highest MCC" if result.by_mcc else "lowest FVU"
    rates = ", ".join(f"{rate:g}" for rate in config.grid)
    yield (
        f"{config.d_sae:,} latents, {config.tokens:,} tokens in batches of {config.batch_size:,}, {config.seeds} "
        f"seeds; learning rates {rates}, of which each library has the one with the {chosen} on seed 0 at k = "
        f"{config.middle_k}; measured on {max(cell.quality.tokens for cell in result.cells):,} held-out tokens."
    )
    for arch in config.archs:
        yield f"#### {TRAINABLE[arch].title}"
        yield f"![FVU against L0]({_IMAGES}/{plot_file(name, arch)})"
        yield quality_table(result, arch).markdown()
    yield _conditions(result)
    yield "Versions: " + ", ".join(sorted({cell.version for cell in result.cells})) + "."


def _summary(results: Path) -> Iterator[str]:
    steps, record = _read(results)
    for step in steps[:1]:
        yield (
            f"A training step ({TRAINABLE[step.config.arch].title}, {_shape(step)}) on {step.threads} cores of "
            f"{step.machine.cpu}, everybody measured in turns on the same machine:"
        )
        yield step_table(step).markdown()
    if record is not None:
        yield (
            f"Recording `{record.config.hook}` of {record.model} runs at "
            f"{record.speed.median_of_rounds:.2f} of the speed of the forward pass that it needs anyway."
        )


def _shape(step: StepBenchResult) -> str:
    shape = step.config
    return f"d = {shape.d_in}, {shape.d_sae:,} latents, k = {shape.k}, {shape.batch_size:,} tokens a batch"


def _against_limit(step: StepBenchResult) -> str:
    return (
        f"A step that computes every pre-activation in floating point takes longer than that product alone; ours takes "
        f"{step.above_limit.median_of_rounds:.2f} times as long as the {step.above_limit.to}."
    )


def _conditions(result: Result) -> str:
    machine = result.machine
    emulated = "" if machine.native_bfloat16 else ", bfloat16 emulated"
    load = "" if result.load_before is None else f" Load average before it began: {result.load_before:.2f}."
    return (
        f"Measured {result.measured_at[:10]} on {machine.cpu}, {result.threads} threads on {machine.cores} cores"
        f"{emulated}, {machine.memory_gib:.0f} GiB, {machine.system}, torch {machine.torch}, miStudio "
        f"{result.mistudio_version}.{load}"
    )


def _read(results: Path) -> tuple[list[StepBenchResult], RecordBenchResult | None]:
    record = results / RECORD
    steps = [results / step_file(architecture) for architecture in TRAINABLE]
    return (
        [read_result(StepBenchResult, step) for step in steps if step.is_file()],
        read_result(RecordBenchResult, record) if record.is_file() else None,
    )


def _read_quality(results: Path) -> list[tuple[str, QualityBenchResult]]:
    return [(path.stem, read_result(QualityBenchResult, path)) for path in sorted(results.glob("quality-*.json"))]
