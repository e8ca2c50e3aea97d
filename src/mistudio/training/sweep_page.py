"""The comparison of a sweep as one page: a table and its plots. It needs no network, no script and no other file."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from pathlib import Path

from mistudio.artifacts.atomic import new_file
from mistudio.training.plot import Point, scatter
from mistudio.training.sweep_result import Sweep, SweepMember

PAGE = "sweep.html"
"""The page, in the sweep's folder."""
_COLOURS = ("#34d399", "#60a5fa", "#fbbf24", "#fb7185", "#c084fc", "#22d3ee", "#a3e635", "#f472b6")
_STYLE = """
:root { color-scheme: dark; }
body { margin: 0 auto; max-width: 1400px; padding: 32px clamp(16px, 3vw, 40px); background: #020617; color: #e2e8f0;
  font: 15px/1.55 ui-sans-serif, system-ui, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums; }
h1, h2, th { color: #f8fafc; font-weight: 600; }
h1 { margin: 0; font-size: 28px; letter-spacing: -0.02em; }
h2 { margin: 0 0 4px; font-size: 16px; }
p { margin: 4px 0 16px; color: #94a3b8; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(520px, 100%), 1fr)); gap: 20px; }
.card { min-width: 0; padding: 20px; margin-bottom: 20px; border: 1px solid #1e293b; border-radius: 12px;
  background: #0f172a; overflow-x: auto; }
svg { display: block; width: 100%; max-width: 860px; height: auto; }
.grid { stroke: #1e293b; } .axis { stroke: #475569; }
.tick { fill: #94a3b8; font-size: 12px; } .name { fill: #cbd5e1; font-size: 11px; }
.front { fill: none; stroke: #475569; stroke-width: 1.5; stroke-dasharray: 5 4; }
.point { fill: #0f172a; stroke-width: 2; }
table { border-collapse: collapse; white-space: nowrap; }
th, td { padding: 6px 14px 6px 0; text-align: left; border-bottom: 1px solid #1e293b; }
.number { text-align: right; } .best td { color: #f8fafc; } tr .mark { color: #34d399; }
.key { display: inline-block; width: 10px; height: 10px; margin: 0 6px 0 0; border-radius: 5px; }
.keys span { margin-right: 16px; }
"""


def write_page(sweep: Sweep, folder: Path) -> None:
    """Write `sweep.html` into a folder, atomically; an older one is replaced.

    Raises:
        DiskFull: the disk had no room.
    """
    with new_file(folder / PAGE) as partial:
        partial.write_text(render_page(sweep), encoding="utf-8")


def render_page(sweep: Sweep) -> str:
    """The page as text."""
    hooks = list(dict.fromkeys(member.hook for member in sweep.members))
    series = list(dict.fromkeys(_series(member, hooks) for member in sweep.members))
    title = f"{len(sweep.members)} SAEs of {sweep.model}"
    colours = "\n".join(
        f".series-{n} {{ stroke: {colour}; }} .series-{n}.best {{ fill: {colour}; }}\n"
        f".key-{n} {{ background: {colour}; }}"
        for n, colour in enumerate(_COLOURS[n % len(_COLOURS)] for n in range(len(series)))
    )
    keys = "".join(f'<span><i class="key key-{n}"></i>{html.escape(name)}</span>' for n, name in enumerate(series))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        'content="width=device-width, initial-scale=1"><meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{html.escape(title)}</title><style>{_STYLE}{colours}</style></head><body><main>"
        f"<h1>{html.escape(title)}</h1><p>{html.escape(_conditions(sweep, hooks))}</p>"
        f'<p class="keys">{keys}</p><div class="plots">{_plots(sweep, hooks, series)}</div>'
        f'<div class="card"><h2>Members</h2>{_table(sweep)}</div></main></body></html>\n'
    )


def _conditions(sweep: Sweep, hooks: Sequence[str]) -> str:
    measured = (
        "FVU and L0 are measured on held-out text."
        if any(member.held_out for member in sweep.members)
        else "FVU and L0 are those of the last training batch; run with --evaluate to have them on held-out text."
    )
    return (
        f"Trained on the same batches at {', '.join(hooks)}, in {sweep.seconds:,.0f} s together. {measured} Filled and "
        "called best: no other SAE at its hook point has a lower FVU with at most 1.05 times its L0."
    )


def _series(member: SweepMember, hooks: Sequence[str]) -> str:
    return f"{member.hook} {member.architecture}" if len(hooks) > 1 else member.architecture


def _plots(sweep: Sweep, hooks: Sequence[str], series: Sequence[str]) -> str:
    measures: tuple[tuple[str, str, Callable[[SweepMember], float | None]], ...] = (
        ("FVU", "Variance left unexplained; lower is better.", lambda member: member.quoted_fvu),
        (
            "loss recovered",
            "Of what ablating the activation to zero costs the model, the share that the SAE gives back; higher is "
            "better.",
            lambda member: member.held_out.loss_recovered_zero if member.held_out else None,
        ),
    )
    cards = []
    for name, meaning, value in measures:
        points = [
            Point(
                member.quoted_l0,
                y,
                member.name,
                series=series.index(_series(member, hooks)),
                best=member.best,
                line=hooks.index(member.hook),
            )
            for member in sweep.members
            if member.quoted_l0 is not None and (y := value(member)) is not None
        ]
        if points:
            plot = scatter(points, "L0, active latents per token", name)
            heading = f"{name[0].upper()}{name[1:]} against L0"
            cards.append(f'<section class="card"><h2>{heading}</h2><p>{meaning}</p>{plot}</section>')
    return "".join(cards)


COLUMNS = ("SAE", "k", "latents", "learning rate", "L0", "FVU", "dead", "loss recovered")
"""Of the comparison's table, on the page and on the terminal; the last one only where it was measured."""


def rows(sweep: Sweep) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """The comparison's columns, and a row a member; the last cell says whether it is the best, or why it ended."""
    evaluated = any(member.held_out for member in sweep.members)
    columns = (*(COLUMNS if evaluated else COLUMNS[:-1]), "")
    return columns, [_row(member, evaluated) for member in sweep.members]


def _row(member: SweepMember, evaluated: bool) -> tuple[object, ...]:
    held_out = member.held_out
    dead = held_out.dead_share if held_out else member.dead_share
    numbers = (member.quoted_l0, member.quoted_fvu, None if dead is None else f"{dead:.1%}")
    recovered = (held_out.loss_recovered_zero if held_out else None,) if evaluated else ()
    what = (member.name, member.k, member.d_sae, member.learning_rate)
    return (*what, *numbers, *recovered, "diverged" if member.diverged else "best" if member.best else "")


def _table(sweep: Sweep) -> str:
    columns, content = rows(sweep)
    kinds = ["number" if 1 <= n < len(columns) - 1 else "" for n in range(len(columns) - 1)] + ["mark"]
    body = []
    for member, row in zip(sweep.members, content, strict=True):
        body.append(f'<tr class="{"best" if member.best else ""}">{_cells("td", row, kinds)}</tr>')
        if member.diverged:
            body.append(f'<tr><td colspan="{len(columns)}">{html.escape(member.diverged)}</td></tr>')
    return f"<table><thead><tr>{_cells('th', columns, kinds)}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _cells(tag: str, row: Sequence[object], kinds: Sequence[str]) -> str:
    return "".join(
        f'<{tag} class="{kind}">{html.escape(_shown(cell))}</{tag}>' for cell, kind in zip(row, kinds, strict=True)
    )


def _shown(cell: object) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)
