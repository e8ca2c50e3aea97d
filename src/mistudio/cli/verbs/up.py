"""`mistudio up`, `ui`, `down` and `status`: the studio in the browser, and its processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mistudio.artifacts.store import LocalStore
from mistudio.cli import console
from mistudio.cli.options import AsJson

if TYPE_CHECKING:
    from mistudio.studio.launch.status import Report
    from mistudio.studio.settings import Settings

_Port = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Port of the studio; MISTUDIO_PORT, or 8000, if not given.")
]
_Host = Annotated[
    str | None,
    typer.Option(help="Address to listen on; this machine alone if not given. Any other needs MISTUDIO_API_TOKENS."),
]


def up(
    context: typer.Context,
    port: _Port = None,
    host: _Host = None,
    foreground: Annotated[
        bool,
        typer.Option("--foreground", help="Run in this terminal until Ctrl-C, as containers and services want it."),
    ] = False,
) -> None:
    """Start the studio in the background: a whole workbench in the browser, with all that is in the store.

    Examples:

        mistudio up

        mistudio up --port 8080
    """
    settings = _settings(context, port, host)
    if foreground:
        from mistudio.studio.launch.up import run

        run(settings, console.remark)
    else:
        _start(settings)


def ui(context: typer.Context, port: _Port = None, host: _Host = None) -> None:
    """Start the studio if it does not run, and open it in the browser.

    Examples:

        mistudio ui
    """
    import webbrowser

    url = _start(_settings(context, port, host))
    if not webbrowser.open(url):
        console.remark(f"No browser could be opened here. Open {url} yourself.")


def down(
    context: typer.Context,
    save_seconds: Annotated[
        float, typer.Option(min=0, help="How many seconds running jobs may take to save; then they are killed.")
    ] = 60.0,
) -> None:
    """Stop the studio. Running jobs save what they have and go on at the next start.

    Examples:

        mistudio down
    """
    from mistudio.studio.launch.down import stop

    ran = stop(_settings(context), console.remark, save_seconds=save_seconds)
    console.say("The studio has stopped." if ran else "The studio was not running.")


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Say what runs of the studio. Exit code 0 if it can be used, 1 if not.

    Examples:

        mistudio status --json
    """
    from mistudio.studio.launch.status import report

    found = report(_settings(context))
    if as_json:
        console.print_json(found.as_json())
    else:
        _print(found)
    if found.phase != "ready":
        raise typer.Exit(1)


def _settings(context: typer.Context, port: int | None = None, host: str | None = None) -> Settings:
    from mistudio.studio.launch.up import settings_for

    store: LocalStore = context.obj
    return settings_for(store.home, port=port, host=host)


def _start(settings: Settings) -> str:
    """Start the studio and say where it is."""
    from mistudio.studio.launch.up import start

    if not (settings.postgres_dir.exists() or settings.database_url):
        console.remark(f"The first start makes a database in {settings.studio_dir}.")
    state, ran_already = start(settings, lambda step: console.remark(f"  {step}"))
    console.say(f"The studio {'is running already' if ran_already else 'is ready'} at {state.url}", "bold green")
    console.remark("Open it in the browser, or with `mistudio ui`. `mistudio status` shows its processes,")
    console.remark(f"`mistudio down` stops it, and its logs are in {settings.logs_dir}.")
    return state.url


def _print(found: Report) -> None:
    if not found.processes:
        console.say(f"The studio of {found.home} is {found.phase}.", "yellow")
        if found.failure:
            console.say(found.failure, "yellow")
        if found.left_over or found.jobs:
            console.say(
                f"Of a studio that was killed, {found.left_over} processes and {len(found.jobs)} jobs still run."
            )
            console.remark("`mistudio down` ends them, `mistudio up` replaces the processes and leaves the jobs alone.")
        elif not found.running:
            console.remark("Start it with `mistudio up`.")
        return
    rows = [
        (
            process.name,
            process.phase,
            None if process.pid is None else str(process.pid),
            None if process.seconds is None else _duration(process.seconds),
            process.resident_bytes / 2**20,
            process.restarts,
            process.ended if process.restarts else None,
        )
        for process in found.processes
    ]
    title = f"The studio of {found.home} is {found.phase} at {found.url}"
    console.print_table(title, ("process", "state", "pid", "runs for", "MiB", "restarts", "last end"), rows)
    shared = (
        f", {found.proportional_bytes / 2**20:,.0f} with shared pages counted once" if found.proportional_bytes else ""
    )
    console.say(f"Memory: {found.resident_bytes / 2**20:,.0f} MiB{shared}. Jobs that run: {len(found.jobs)}.")


def _duration(seconds: float) -> str:
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days:.0f} d {hours % 24:.0f} h"
    if hours:
        return f"{hours:.0f} h {minutes % 60:.0f} min"
    return f"{minutes:.0f} min {seconds % 60:.0f} s" if minutes else f"{seconds:.0f} s"
