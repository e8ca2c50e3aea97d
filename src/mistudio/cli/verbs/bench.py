"""`mistudio bench step|record`: measure against other libraries, side by side in one run."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="Measure speed against other libraries, interleaved in one run.")
