"""Whatever is killed comes back by itself."""

from __future__ import annotations

import threading

import psutil
import pytest

from mistudio.studio.launch.identity import Identity
from mistudio.studio.launch.state import read_state
from tests.studio.launch.conftest import SmallStudio, until


@pytest.mark.parametrize("name", ["postgres", "api-1", "worker-1"])
def test_a_killed_process_is_started_again(running_studio: SmallStudio, name: str) -> None:
    before = running_studio[name].restarts
    (killed,) = running_studio.kill(name)
    until(lambda: running_studio.is_whole() and running_studio[name].pid != killed)
    assert running_studio[name].restarts == before + 1
    assert running_studio[name].ended == "SIGKILL ended it"


def test_what_a_killed_process_had_started_goes_with_it(running_studio: SmallStudio) -> None:
    (child,) = psutil.Process(running_studio["worker-1"].pid).children()
    left = Identity.of(child.pid)
    running_studio.kill("worker-1")
    until(lambda: running_studio.is_whole() and left.process() is None)


def test_a_killed_supervisor_is_replaced_and_its_processes_run_on(running_studio: SmallStudio) -> None:
    names = ["postgres", "api-1", "api-2", "worker-1"]
    before = {name: running_studio[name].pid for name in names}
    (supervisor,), standby = running_studio.kill("supervisor"), running_studio["standby"].pid
    until(lambda: running_studio.is_whole() and running_studio["supervisor"].pid != supervisor)
    assert running_studio["supervisor"].pid == standby
    assert {name: running_studio[name].pid for name in names} == before
    running_studio.kill("api-1")
    until(lambda: running_studio.is_whole() and running_studio["api-1"].pid != before["api-1"])


def test_a_killed_standby_is_replaced(running_studio: SmallStudio) -> None:
    (standby,) = running_studio.kill("standby")
    until(lambda: running_studio.is_whole() and running_studio["standby"].pid != standby)


def test_a_supervisor_killed_together_with_processes_leaves_none_of_them_dead(running_studio: SmallStudio) -> None:
    killed = running_studio.kill("supervisor", "postgres", "worker-1")
    until(lambda: running_studio.is_whole() and not {p.pid for p in running_studio.report().processes} & {*killed})


def test_nobody_who_asks_is_refused_while_processes_are_killed(running_studio: SmallStudio) -> None:
    failures, stop = [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                running_studio.answers()
            except ConnectionRefusedError as error:
                failures.append(error)
            except OSError:
                pass  # The one request that the killed process was answering.

    reader = threading.Thread(target=ask)
    reader.start()
    killed = running_studio.kill("api-1", "api-2", "supervisor")
    until(lambda: running_studio.is_whole() and not {p.pid for p in running_studio.report().processes} & {*killed})
    stop.set()
    reader.join()
    assert not failures
    assert running_studio.answers()


def test_after_supervisor_and_standby_are_killed_the_next_up_ends_what_they_left(running_studio: SmallStudio) -> None:
    left = [Identity.of(running_studio[name].pid) for name in ("api-1", "api-2", "worker-1", "postgres")]
    running_studio.kill("supervisor", "standby")
    found = running_studio.report()
    assert (found.phase, found.left_over) == ("stopped", 5)
    assert running_studio.up() is False
    assert running_studio.is_whole()
    assert not [each for each in left if each.process()]


def test_the_state_names_every_process_of_the_studio(running_studio: SmallStudio) -> None:
    state = read_state(running_studio.settings)
    named = {process.identity.pid for process in state.processes if process.identity}
    named |= {state.supervisor.pid, state.standby.pid}
    children = {psutil.Process(pid).children()[0].pid for pid in (running_studio["worker-1"].pid,)}
    server = psutil.Process(running_studio["postgres"].pid)
    assert {each.pid for each in running_studio.processes()} == named | children
    assert server.pid in named
