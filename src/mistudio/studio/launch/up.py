"""Start a studio in the background, or run it in this process, and wait until it can be used."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket

from pydantic import ValidationError

from mistudio.errors import BadInput, ConfigConflict, StudioFailed
from mistudio.studio.launch.identity import MARK
from mistudio.studio.launch.listener import listen
from mistudio.studio.launch.lock import is_running, take_lock
from mistudio.studio.launch.logs import last_lines, open_log
from mistudio.studio.launch.processes import database_url, declared
from mistudio.studio.launch.services import wait_for_services
from mistudio.studio.launch.state import Phase, StudioState, read_state, state_path, stop_request
from mistudio.studio.launch.stopping import end_strays
from mistudio.studio.launch.supervisor import Supervisor
from mistudio.studio.settings import Settings, load_settings

_READY_SECONDS = 180.0
"""How long a start may take in all; a database that was killed first repeats what its log says."""

Tell = Callable[[str], None]


def settings_for(home: Path, *, port: int | None = None, host: str | None = None) -> Settings:
    """The environment's settings, but for what is given.

    Raises:
        BadInput: a variable of the environment has a value that cannot be.
    """
    try:
        settings = load_settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "a setting"
        raise BadInput(
            f"The environment's value of {name} cannot be: {first['msg']}.",
            remedy="Correct the variable: its name begins with MISTUDIO_, but for DATABASE_URL and REDIS_URL.",
        ) from error
    given = {"home": home.expanduser().absolute(), "port": port, "host": host}
    return settings.model_copy(update={name: value for name, value in given.items() if value is not None})


def supervisor_command(listener: int) -> list[str]:
    """The command that supervises a studio whose socket has that descriptor."""
    return [sys.executable, "-m", "mistudio.studio.launch", "--listener", str(listener)]


def start(
    settings: Settings, tell: Tell, *, command: Callable[[int], list[str]] = supervisor_command
) -> tuple[StudioState, bool]:
    """Start the studio in the background and wait until it is ready.

    Args:
        settings: of the studio.
        tell: called with every step, for people.
        command: makes the supervisor's command of its socket's descriptor.

    Returns:
        The studio's state, and whether it ran already.

    Raises:
        StudioFailed: a process did not start, or a server of the user's does not answer; then no process is left.
        ConfigConflict: the studio of this home runs on another port.
        BadInput: it cannot listen there, or the home cannot be written.
    """
    with _held(settings) as held:
        if held is not None:
            wait_for_services(settings, tell)
            lock, listener = held
            _start_supervisor(settings, [*command(listener.fileno()), "--lock", str(lock)], (listener.fileno(), lock))
    return _wait_until_ready(settings, tell), held is None


def run(settings: Settings, tell: Tell) -> None:
    """Run the studio in this process until it is told to stop: for whoever restarts and logs processes himself.

    Raises:
        StudioFailed: a process did not start, a server of the user's does not answer, or the studio runs already.
        BadInput: it cannot listen there, or the home cannot be written.
    """
    with _held(settings) as held:
        if held is None:
            raise StudioFailed("The studio of this home runs already.", remedy="Stop it first with `mistudio down`.")
        wait_for_services(settings, tell)
        number = held[1].fileno()
        processes = declared(settings, number)
        supervisor = Supervisor(settings, processes, environment_of(settings), number, again=None, tell=tell)
        supervisor.run()
        if failure := supervisor.state.failure:
            raise StudioFailed(failure.message, remedy=failure.remedy)


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment of the studio's processes."""
    return _supervisors_environment(settings) | {"DATABASE_URL": database_url(settings)}


def _supervisors_environment(settings: Settings) -> dict[str, str]:
    given = {
        MARK: str(settings.home),
        "MISTUDIO_HOME": str(settings.home),
        "MISTUDIO_HOST": settings.host,
        "MISTUDIO_PORT": str(settings.port),
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",  # A file beside the user's data is no module.
        "OMP_WAIT_POLICY": "passive",
    }
    return dict(os.environ) | given  # noqa: TID251  processes inherit their user's environment


@contextmanager
def _held(settings: Settings) -> Iterator[tuple[int, socket] | None]:
    """The home's lock and the studio's socket, with nothing left of an earlier run; None where a studio runs."""
    lock = take_lock(settings)
    while lock is None and _is_stopping(settings):
        time.sleep(0.1)
        lock = take_lock(settings)
    if lock is None:
        yield None
        return
    try:
        # In a container that starts anew, processes get the numbers that such files already hold.
        for path in (stop_request(settings), state_path(settings), *settings.run_dir.glob("*.ready")):
            path.unlink(missing_ok=True)
        end_strays(settings, keep_jobs=True)
        with listen(settings) as listener:
            yield lock, listener
    finally:
        os.close(lock)


def _is_stopping(settings: Settings) -> bool:
    state = read_state(settings)
    return stop_request(settings).exists() or (state is not None and state.phase in (Phase.STOPPING, Phase.FAILED))


def _start_supervisor(settings: Settings, command: list[str], inherits: tuple[int, int]) -> None:
    settings.logs_dir.mkdir(mode=0o700, exist_ok=True)
    log = open_log(settings.logs_dir / "supervisor.log")
    try:
        supervisor = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=settings.studio_dir,
            env=_supervisors_environment(settings),
            pass_fds=inherits,
            start_new_session=True,
        )
    except OSError as error:
        raise BadInput(f"No process can be started: {error.strerror}.", remedy="End other programs first.") from error
    finally:
        os.close(log)
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        del supervisor  # It shall outlive this process.


def _wait_until_ready(settings: Settings, tell: Tell) -> StudioState:
    """Tell each process that becomes ready, until all are and the studio answers.

    Raises:
        StudioFailed: a process did not start, or it took too long.
        ConfigConflict: the studio runs on another port.
    """
    told, until = set[str](), time.monotonic() + _READY_SECONDS
    while time.monotonic() < until:
        lives, state = is_running(settings), read_state(settings)
        if state is not None and state.failure is not None and not lives:
            raise StudioFailed(state.failure.message, remedy=state.failure.remedy)
        if not lives:
            said = " ".join(last_lines(settings.logs_dir / "supervisor.log")) or "it said nothing"
            raise StudioFailed(f"The supervisor ended: {said}")
        if state is not None:
            if state.port != settings.port:
                raise ConfigConflict(
                    f"The studio of {settings.home} runs already, on port {state.port}.",
                    remedy=f"Open {state.url}, or run `mistudio down` first.",
                )
            for process in state.processes:
                if process.phase in (Phase.READY, Phase.DONE) and process.name not in told:
                    told.add(process.name)
                    tell(f"{process.title} {process.phase.value} after {process.ready_seconds or 0:.1f} s")
            if state.phase is Phase.READY:
                return state
        time.sleep(0.05)
    waiting = [
        process for process in (state.processes if state else ()) if process.phase not in (Phase.READY, Phase.DONE)
    ]
    names = ", ".join(f"{process.title} ({process.ended or process.phase.value})" for process in waiting)
    raise StudioFailed(
        f"After {_READY_SECONDS:.0f} s the studio is not ready{': ' + names if names else ''}.",
        remedy=f"Read the logs in {settings.logs_dir}; `mistudio down` stops what runs.",
    )
