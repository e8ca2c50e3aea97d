"""What `bench quality` found: every single SAE, and what follows from them.

Matched L0: where a library's SAEs don't have exactly the L0 that was asked for, its FVU there is read off the line
through its own neighbouring SAEs of the same seed, in logarithms of both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import fmean, stdev
from typing import Any

from mistudio.bench.config import ComparedArchitecture, LibraryName, QualityBenchConfig
from mistudio.bench.result import Result
from mistudio.config import Config

_BEYOND = 1.25
"""How far outside the L0s of its SAEs a library's FVU is read off the line, as a factor."""
_AS_ASKED = 0.01
"""Relative difference of L0s that counts as none."""


class Quality(Config):
    """What an SAE is worth on held-out tokens."""

    tokens: int
    """Held-out tokens."""
    fvu: float | None
    """Fraction of variance unexplained; none where the training broke down and gave no numbers."""
    l0: float
    """Mean number of active latents per token."""
    dead_share: float
    """Share of latents that are active on none of those tokens."""
    mcc: float | None = None
    """With known features: mean absolute cosine of latents and features, matched one to one."""
    f1: float | None = None
    """With known features: how well matched latents and features fire together."""
    shrinkage: float | None = None
    """With known features: activation found divided by the true one."""


class Cell(Config):
    """One SAE that was trained."""

    library: LibraryName
    arch: ComparedArchitecture
    k: int
    lr: float
    seed: int
    version: str
    """The library and its version."""
    torch: str
    """PyTorch's version in its environment."""
    settings: dict[str, Any]
    """What differed from the library's defaults."""
    seconds: float
    """Training alone, by the clock."""
    cpu_seconds: float
    """Work of all threads, reading of the activations included."""
    load_before: float | None
    """Load average of the last minute before it began."""
    quality: Quality


class Estimate(Config):
    """A mean over seeds."""

    mean: float
    low: float | None
    """Lower end of the 95 % interval (Student's t); none for a single seed."""
    high: float | None
    """Its upper end."""

    @classmethod
    def of(cls, values: Sequence[float]) -> Estimate:
        """The mean of at least one value."""
        from scipy.stats import t

        mean = fmean(values)
        if len(values) < 2:
            return cls(mean=mean, low=None, high=None)
        half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
        return cls(mean=mean, low=mean - half, high=mean + half)


class Summary(Config):
    """One library, architecture and k, over the seeds."""

    library: LibraryName
    arch: ComparedArchitecture
    k: int
    lr: float
    """The learning rate that was chosen."""
    at_the_edge: bool
    """Whether it is an end of the grid, beyond which a better one may lie."""
    seeds: int
    l0: Estimate
    fvu: Estimate | None
    """At the L0 that the SAEs have; none where a training broke down."""
    fvu_at_k: Estimate | None
    """At exactly k; none where the library's SAEs are too far away from it."""
    dead_share: Estimate
    seconds: Estimate
    mcc: Estimate | None
    f1: Estimate | None


class Difference(Config):
    """A peer against ours, seed by seed: the same seed is the same data in the same order."""

    peer: LibraryName
    arch: ComparedArchitecture
    k: int
    fvu_at_k: Estimate | None
    """The peer's minus ours: above 0 where ours is better."""
    mcc: Estimate | None
    """Ours minus the peer's: above 0 where ours is better."""
    seconds: float
    """The peer's mean training time divided by ours."""


class QualityBenchResult(Result):
    """SAEs of several libraries on the same data."""

    config: QualityBenchConfig
    """What was asked for."""
    data: str
    """What they were trained on."""
    data_identity: dict[str, Any]
    """All that decides the activations."""
    by_mcc: bool
    """Whether learning rates were chosen by MCC, and not by FVU."""
    scale: float
    """What the activations were multiplied with, to a mean norm of √d_in."""
    tried: tuple[Cell, ...]
    """Seed 0 at the middle k, with every learning rate of the grid."""
    cells: tuple[Cell, ...]
    """Every seed and k, with the library's best learning rate."""
    summaries: tuple[Summary, ...]
    differences: tuple[Difference, ...]


def best_rate(tried: Sequence[Cell], k: int, *, by_mcc: bool) -> float:
    """The learning rate with the best number among SAEs whose L0 is within a quarter of k.

    An SAE far from the L0 asked for has a low FVU for the wrong reason. Where all are, the nearest wins.
    """
    sound = [cell for cell in tried if cell.quality.fvu is not None and cell.quality.l0 > 0]
    if not sound:
        return min(cell.lr for cell in tried)
    near = [cell for cell in sound if abs(cell.quality.l0 / k - 1) <= 0.25]
    if not near:
        return min(sound, key=lambda cell: abs(math.log(cell.quality.l0 / k))).lr
    if by_mcc:
        return max(near, key=lambda cell: cell.quality.mcc or 0.0).lr
    return min(near, key=lambda cell: cell.quality.fvu or math.inf).lr


def fvu_at(cells: Sequence[Cell], l0: float) -> float | None:
    """FVU at that L0, on the line through the neighbouring SAEs of one library and seed, log by log."""
    points = sorted((cell.quality.l0, cell.quality.fvu) for cell in cells if cell.quality.fvu and cell.quality.l0 > 0)
    for found_l0, fvu in points:
        if abs(found_l0 / l0 - 1) <= _AS_ASKED:
            return fvu
    if len({point[0] for point in points}) < 2 or not points[0][0] / _BEYOND <= l0 <= points[-1][0] * _BEYOND:
        return None
    pairs = list(pairwise(points))
    (l0_a, fvu_a), (l0_b, fvu_b) = next((pair for pair in pairs if l0 <= pair[1][0]), pairs[-1])
    if l0_a == l0_b:
        return fvu_a
    share = math.log(l0 / l0_a) / math.log(l0_b / l0_a)
    return math.exp((1 - share) * math.log(fvu_a) + share * math.log(fvu_b))


def summarise(config: QualityBenchConfig, cells: Sequence[Cell]) -> tuple[Summary, ...]:
    """One summary a library, architecture and k that has cells, in the order of the configuration."""
    found = []
    for arch in config.archs:
        for library in config.libraries:
            own = [cell for cell in cells if (cell.library, cell.arch) == (library, arch)]
            for k in config.k:
                here = [cell for cell in own if cell.k == k]
                if here:
                    found.append(_summary(config, own, here))
    return tuple(found)


def compare(config: QualityBenchConfig, cells: Sequence[Cell]) -> tuple[Difference, ...]:
    """Each peer against ours, where both have cells."""
    found = []
    for arch in config.archs:
        ours = [cell for cell in cells if (cell.library, cell.arch) == ("mistudio", arch)]
        for peer in config.libraries:
            theirs = [cell for cell in cells if (cell.library, cell.arch) == (peer, arch)]
            if ours and theirs and peer != "mistudio":
                found += [_difference(peer, arch, k, ours, theirs) for k in config.k]
    return tuple(found)


def _summary(config: QualityBenchConfig, own: Sequence[Cell], here: Sequence[Cell]) -> Summary:
    first, qualities = here[0], [cell.quality for cell in here]
    at_k = list(_by_seed(own, lambda cells: fvu_at(cells, first.k)).values())
    return Summary(
        library=first.library,
        arch=first.arch,
        k=first.k,
        lr=first.lr,
        at_the_edge=len(config.grid) > 1 and first.lr in (min(config.grid), max(config.grid)),
        seeds=len(here),
        l0=Estimate.of([quality.l0 for quality in qualities]),
        fvu=_estimate([quality.fvu for quality in qualities]),
        fvu_at_k=_estimate(at_k),
        dead_share=Estimate.of([quality.dead_share for quality in qualities]),
        seconds=Estimate.of([cell.seconds for cell in here]),
        mcc=_estimate([quality.mcc for quality in qualities]),
        f1=_estimate([quality.f1 for quality in qualities]),
    )


def _difference(
    peer: LibraryName, arch: ComparedArchitecture, k: int, ours: Sequence[Cell], theirs: Sequence[Cell]
) -> Difference:
    def differences(number: Callable[[Sequence[Cell]], float | None], sign: int) -> Estimate | None:
        mine, other = _by_seed(ours, number), _by_seed(theirs, number)
        pairs = [(mine[seed], other[seed]) for seed in mine if seed in other]
        return _estimate([None if a is None or b is None else sign * (b - a) for a, b in pairs])

    def at_this_k(cells: Sequence[Cell]) -> float | None:
        return next((cell.quality.mcc for cell in cells if cell.k == k), None)

    return Difference(
        peer=peer,
        arch=arch,
        k=k,
        fvu_at_k=differences(lambda cells: fvu_at(cells, k), 1),
        mcc=differences(at_this_k, -1),
        seconds=fmean(cell.seconds for cell in theirs if cell.k == k)
        / fmean(cell.seconds for cell in ours if cell.k == k),
    )


def _by_seed(cells: Sequence[Cell], number: Callable[[Sequence[Cell]], float | None]) -> dict[int, float | None]:
    seeds = sorted({cell.seed for cell in cells})
    return {seed: number([cell for cell in cells if cell.seed == seed]) for seed in seeds}


def _estimate(values: Sequence[float | None]) -> Estimate | None:
    """The mean where every value is known."""
    known = [value for value in values if value is not None]
    return Estimate.of(known) if known and len(known) == len(values) else None
