"""A scatter plot as SVG text: one measure against another, the best points joined. Needs no script and no other file.

Its look is that of the page that it stands in: classes `grid`, `axis`, `tick`, `front`, `point`, and one `series-N` for
each series, numbered from 0.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 16, 52
_LABELLED = 12
"""Points above which names would lie on one another; each has its name as a tooltip in any case."""
_LOGARITHMIC = 4.0


class Point(NamedTuple):
    """A mark in the plot."""

    x: float
    y: float
    name: str
    series: int
    """Which colour it has."""
    best: bool
    """Filled, and joined with the other best ones of its line."""
    line: int = 0
    """Best points of the same number are joined."""


class Axis(NamedTuple):
    """A scale with its ticks, from values to pixels."""

    ticks: tuple[float, ...]
    place: Callable[[float], float]


def scatter(points: Sequence[Point], x_title: str, y_title: str) -> str:
    """The plot; the horizontal scale is logarithmic where values are positive and span more than a factor of four.

    Args:
        points: at least one.
    """
    xs, ys = [point.x for point in points], [point.y for point in points]
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    logarithmic = min(xs) > 0 and max(xs) > _LOGARITHMIC * min(xs)
    across = _log_axis(xs, _LEFT, right) if logarithmic else _linear_axis(xs, _LEFT, right)
    up = _linear_axis(ys, bottom, _TOP)
    title = html.escape(f"{y_title} against {x_title} of {len(points)} SAEs")
    marks = [
        *(_across_tick(across.place(tick), tick, bottom) for tick in across.ticks),
        *(_up_tick(up.place(tick), tick, right) for tick in up.ticks),
        f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>',
        f'<text class="tick" x="{(_LEFT + right) / 2:.0f}" y="{_HEIGHT - 10}" text-anchor="middle">'
        f"{html.escape(x_title)}{', logarithmic' if logarithmic else ''}</text>",
        f'<text class="tick" transform="translate(16 {(_TOP + bottom) / 2:.0f}) rotate(-90)" text-anchor="middle">'
        f"{html.escape(y_title)}</text>",
        *(_front([p for p in points if p.best and p.line == line], across, up) for line in _lines(points)),
        *(_mark(point, across, up) for point in points),
        *_names(points, across, up),
    ]
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}" xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(marks)}</svg>"
    )


def _linear_axis(values: Sequence[float], start: float, end: float) -> Axis:
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    low, high = low - margin, high + margin
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    ticks = tuple(round(n * step, 12) for n in range(math.ceil(low / step), math.floor(high / step) + 1))
    return Axis(ticks, lambda value: start + (value - low) / (high - low) * (end - start))


def _log_axis(values: Sequence[float], start: float, end: float) -> Axis:
    low, high = math.log2(min(values)) - 0.3, math.log2(max(values)) + 0.3
    every = max(1, round((high - low) / 8))
    ticks = tuple(2.0**power for power in range(math.ceil(low), math.floor(high) + 1, every))
    return Axis(ticks, lambda value: start + (math.log2(value) - low) / (high - low) * (end - start))


def _across_tick(x: float, tick: float, bottom: float) -> str:
    return (
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>'
        f'<text class="tick" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tick:g}</text>'
    )


def _up_tick(y: float, tick: float, right: float) -> str:
    return (
        f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
    )


def _lines(points: Sequence[Point]) -> list[int]:
    return sorted({point.line for point in points})


def _front(best: Sequence[Point], across: Axis, up: Axis) -> str:
    places = " ".join(f"{across.place(p.x):.1f},{up.place(p.y):.1f}" for p in sorted(best))
    return f'<polyline class="front" points="{places}"/>' if len(best) > 1 else ""


def _mark(point: Point, across: Axis, up: Axis) -> str:
    shape = f'cx="{across.place(point.x):.1f}" cy="{up.place(point.y):.1f}" r="{6 if point.best else 5}"'
    best = " best" if point.best else ""
    return (
        f'<circle class="point series-{point.series}{best}" {shape}><title>{html.escape(point.name)}: '
        f"{point.x:.4g}, {point.y:.4g}{', best at its L0' if point.best else ''}</title></circle>"
    )


def _names(points: Sequence[Point], across: Axis, up: Axis) -> list[str]:
    """The points' names, each below the one above it where they would overlap; none where there are too many."""
    if len(points) > _LABELLED:
        return []
    written: list[tuple[float, float, float]] = []
    texts = []
    for point in sorted(points, key=lambda p: up.place(p.y)):
        x, y, length = across.place(point.x), up.place(point.y) + 4, 6.6 * len(point.name) + 12
        ends = x + 10 + length > _WIDTH
        left = x - 10 - length if ends else x + 10
        while any(abs(y - other) < 13 and left < end and start < left + length for start, end, other in written):
            y += 2
        written.append((left, left + length, y))
        anchor, at = ("end", x - 10) if ends else ("start", x + 10)
        texts.append(
            f'<text class="name" x="{at:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(point.name)}</text>'
        )
    return texts
