"""`mistudio demo`: the whole road on a small real model and real text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mistudio.cli import console


def demo(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write the report; in the store if not given.")
    ] = None,
) -> None:
    """Open SmolLM2-135M: train an SAE, measure it, see what its features respond to, steer with one.

    Fetches about 100 MB once, and then needs no network. Takes about ten minutes on two cores without a GPU; a second
    run reuses what is there, and an interrupted one continues.

    Examples:

        mistudio demo --out ./report.html
    """
    from mistudio.demo.config import DemoConfig
    from mistudio.demo.report import write_report
    from mistudio.demo.report_content import report_content
    from mistudio.demo.road import walk

    with console.working() as progress:
        road = walk(context.obj, DemoConfig(), progress)
        path = write_report(report_content(road), out or context.obj.home / "demo" / "report.html")
    numbers = road.evaluation.numbers()
    console.print_facts(
        "SmolLM2-135M-Instruct, opened at layer 15",
        {
            "latents": road.sae.d_sae,
            "active per token": numbers["l0"],
            "variance unexplained (FVU)": numbers["fvu"],
            "dead latents": f"{numbers['dead_share']:.1%}",
            "loss recovered": f"{numbers['loss_recovered_mean']:.1%}",
            "cross-entropy added": f"{numbers['ce_increase']:.3f} nats",
            "minutes in all": sum(road.seconds.values()) / 60,
        },
    )
    written = road.showcase.comparison
    console.print_table(
        f"Latent {road.showcase.latent} turned up",
        ("", "text"),
        [
            ("prompt", written.prompts[0]),
            ("as it is", written.baseline().text),
            ("steered", written.steered(0, 1).text),
        ],
    )
    console.say(f"\nThe report, to be opened in a browser: {path.absolute()}", "bold")
