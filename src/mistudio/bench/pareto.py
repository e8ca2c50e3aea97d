"""A plot of FVU against L0, one line a library, as SVG: both axes logarithmic, intervals as bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from mistudio.bench.config import ComparedArchitecture, LibraryName
from mistudio.bench.quality_result import QualityBenchResult, Summary
from mistudio.bench.table import NAMES

_WIDTH, _HEIGHT = 720, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 190, 40, 50
# Okabe and Ito's palette: told apart by everyone, on light and on dark.
_COLOURS: dict[LibraryName, str] = {
    "mistudio": "#009E73",
    "saelens": "#E69F00",
    "sparsify": "#56B4E9",
    "sparsify-adam": "#0072B2",
    "dictionary_learning": "#CC79A7",
}
_INK = "#808080"


def pareto_plot(result: QualityBenchResult, arch: ComparedArchitecture) -> str:
    """The plot of one architecture; lower is better."""
    shown = [each for each in result.summaries if each.arch == arch and each.fvu and each.fvu.mean > 0]
    x_axis = _Axis([each.l0.mean for each in shown], _LEFT, _WIDTH - _RIGHT)
    y_axis = _Axis([each.fvu.mean for each in shown if each.fvu], _HEIGHT - _BOTTOM, _TOP)
    parts = [_text(_LEFT, _TOP - 16, f"{arch}: {result.data}", size=14)]
    for l0 in x_axis.ticks():
        x = x_axis.place(l0)
        parts += [_line(x, _TOP, x, _HEIGHT - _BOTTOM, 0.25), _text(x, _HEIGHT - _BOTTOM + 18, f"{l0:g}", "middle")]
    for fvu in y_axis.ticks():
        y = y_axis.place(fvu)
        parts += [_line(_LEFT, y, _WIDTH - _RIGHT, y, 0.25), _text(_LEFT - 8, y + 4, f"{fvu:g}", "end")]
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 10, "L0: active latents per token", "middle"))
    parts.append(_text(_LEFT - 8, _TOP - 4, "FVU", "end"))
    libraries = [name for name in result.config.libraries if any(each.library == name for each in shown)]
    for row, library in enumerate(libraries):
        own = sorted((each for each in shown if each.library == library), key=lambda each: each.l0.mean)
        parts += _curve(own, x_axis, y_axis, _COLOURS[library])
        y = _TOP + 14 + 22 * row
        parts.append(_dot(_WIDTH - _RIGHT + 20, y - 4, _COLOURS[library]))
        parts.append(_text(_WIDTH - _RIGHT + 32, y, NAMES[library]))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="FVU against L0, {arch}" font-family="sans-serif">\n' + "\n".join(parts) + "\n</svg>\n"
    )


class _Axis:
    """A logarithmic axis from `start` to `end`, in pixels."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = (min(values), max(values)) if values else (1.0, 10.0)
        self._low, self._high = math.log(low / 1.1), math.log(high * 1.1)
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        share = (math.log(value) - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 1)

    def ticks(self) -> list[float]:
        """Round numbers within: 1, 1.5, 2, 3, 4, 5, 7 times powers of ten; where these are too many, 1, 2, 5."""
        powers = range(math.floor(self._low / math.log(10)), math.ceil(self._high / math.log(10)) + 1)
        for steps in ((10, 15, 20, 30, 40, 50, 70), (10, 20, 50), (10,)):
            found = [step * 10.0 ** (power - 1) for power in powers for step in steps]
            found = [each for each in found if self._low <= math.log(each) <= self._high]
            if len(found) <= 8:
                break
        return found


def _curve(own: Sequence[Summary], x_axis: _Axis, y_axis: _Axis, colour: str) -> list[str]:
    points = [(x_axis.place(each.l0.mean), y_axis.place(each.fvu.mean), each.fvu) for each in own if each.fvu]
    path = " ".join(f"{x},{y}" for x, y, _ in points)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for x, y, fvu in points:
        if fvu.low is not None and fvu.high is not None and fvu.low > 0:
            ends = y_axis.place(fvu.low), y_axis.place(fvu.high)
            parts.append(
                f'<line x1="{x}" y1="{ends[0]}" x2="{x}" y2="{ends[1]}" stroke="{colour}" stroke-width="1.5"/>'
            )
        parts.append(_dot(x, y, colour))
    return parts


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, opacity: float) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{_INK}" stroke-opacity="{opacity}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", *, size: int = 12) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{_INK}" text-anchor="{anchor}">{escape(text)}</text>'
