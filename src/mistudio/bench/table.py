"""Results as small tables, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mistudio.bench.config import ComparedArchitecture, LibraryName
from mistudio.bench.quality_result import Difference, Estimate, QualityBenchResult, Summary
from mistudio.bench.result import Ratio, RecordBenchResult, StepBenchResult, SweepBenchResult, Timing


class Table(NamedTuple):
    """A title, the names of the columns, and rows of text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """A Markdown table, without the title; numbers to the right."""
        lines = [
            self.columns,
            tuple("---" if column < 2 else "---:" for column in range(len(self.columns))),
            *self.rows,
        ]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def step_table(result: StepBenchResult) -> Table:
    """One row a contender: ours, the others, the bare products."""
    shape = result.config
    ratio = {entry.of: entry for entry in result.ratios}
    rows = [(*_times(result.ours, 1e3, ".0f"), "1", "1", "1")]
    rows += [(*_times(peer, 1e3, ".0f"), *_ratios(ratio[peer.name], ".1f")) for peer in result.peers]
    rows += [(*_times(limit, 1e3, ".0f"), "", "", "") for limit in result.limits]
    return Table(
        f"Training step of {shape.arch}, d={shape.d_in} m={shape.d_sae} k={shape.k} B={shape.batch_size}",
        ("step", "products in", "median ms", "best ms", "tokens/s", "× our time", "× our best", "× our CPU time"),
        tuple(rows),
    )


def sweep_table(result: SweepBenchResult) -> Table:
    """Two rows: together and one after the other."""
    return Table(
        f"{result.saes} SAEs on {result.config.hook} of {result.model}, {result.config.tokens:,} tokens each",
        ("training", "products in", "median s", "best s", "SAE tokens/s", "× time together", "× best", "× CPU time"),
        (
            (*_times(result.together, 1, ".1f"), "1", "1", "1"),
            (*_times(result.separately, 1, ".1f"), *_ratios(result.gain, ".2f")),
        ),
    )


def record_table(result: RecordBenchResult) -> Table:
    """Two rows: the bare pass and recording."""
    return Table(
        f"Recording {result.config.hook} of {result.model}",
        ("pass", "model in", "median s", "best s", "tokens/s", "speed (median)", "speed (best)"),
        (
            (*_times(result.bare, 1, ".2f"), "1", "1"),
            (*_times(result.recording, 1, ".2f"), *_ratios(result.speed, ".3f")[:2]),
        ),
    )


def _ratios(ratio: Ratio, form: str) -> tuple[str, ...]:
    return tuple(format(value, form) for value in (ratio.median_of_rounds, ratio.of_bests, ratio.of_cpu_seconds))


def _times(timing: Timing, unit: float, form: str) -> tuple[str, ...]:
    return (
        timing.name,
        timing.precision,
        format(timing.median_seconds * unit, form),
        format(timing.best_seconds * unit, form),
        f"{timing.tokens_per_second:,.0f}",
    )


NAMES: dict[LibraryName, str] = {
    "mistudio": "miStudio",
    "saelens": "SAELens",
    "sparsify": "sparsify, signum",
    "sparsify-adam": "sparsify, Adam",
    "dictionary_learning": "dictionary_learning",
}
"""What libraries are called in tables and plots."""


def quality_table(result: QualityBenchResult, arch: ComparedArchitecture) -> Table:
    """One row a library and k: means over seeds, with the half width of their 95 % intervals."""
    known = any(summary.mcc for summary in result.summaries)
    against = {(each.peer, each.k): each for each in result.differences if each.arch == arch}
    rows = [
        (
            NAMES[each.library],
            f"{each.lr:g}" + (" (edge)" if each.at_the_edge else ""),
            str(each.k),
            _mean(each.l0, ".1f"),
            _mean(each.fvu, ".4f"),
            _mean(each.fvu_at_k, ".4f"),
            _interval(against.get((each.library, each.k))),
            *((_mean(each.mcc, ".3f"), _mean(each.f1, ".3f")) if known else ()),
            f"{each.dead_share.mean:.1%}",
            f"{each.seconds.mean:,.1f}",
        )
        for each in _by_k(result.summaries, arch)
    ]
    columns = ("library", "learning rate", "k", "L0", "FVU", "FVU at k", "FVU at k minus ours")
    return Table(
        f"{arch} on {result.data}, {result.config.d_sae:,} latents, {result.config.tokens:,} tokens",
        (*columns, *(("MCC", "F1") if known else ()), "silent", "seconds"),
        tuple(rows),
    )


def _by_k(summaries: Sequence[Summary], arch: ComparedArchitecture) -> list[Summary]:
    return sorted((each for each in summaries if each.arch == arch), key=lambda each: each.k)


def _mean(estimate: Estimate | None, form: str) -> str:
    if estimate is None:
        return "–"
    mean = format(estimate.mean, form)
    return mean if estimate.high is None else f"{mean} ± {format(estimate.high - estimate.mean, form)}"


def _interval(difference: Difference | None) -> str:
    """A difference with both ends of its interval."""
    estimate = difference.fvu_at_k if difference else None
    if estimate is None:
        return ""
    mean = f"{estimate.mean:+.4f}"
    return mean if estimate.low is None else f"{mean} [{estimate.low:+.4f}, {estimate.high:+.4f}]"
