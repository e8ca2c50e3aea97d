"""Starting says honestly how it goes, and stopping leaves nothing."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from mistudio.errors import BadInput, ConfigConflict, StudioFailed
from mistudio.studio.launch import services
from mistudio.studio.launch.identity import MARK, Identity
from mistudio.studio.launch.listener import listen
from mistudio.studio.launch.lock import take_lock
from mistudio.studio.launch.state import (
    Phase,
    ProcessState,
    StudioState,
    read_state,
    state_path,
    stop_request,
    write_state,
)
from mistudio.studio.launch.up import settings_for
from mistudio.studio.settings import Settings
from tests.studio.launch.conftest import SmallStudio, free_port, until


def test_a_second_up_says_that_the_studio_runs_already(running_studio: SmallStudio) -> None:
    before = running_studio["supervisor"].pid
    assert running_studio.up() is True
    assert running_studio["supervisor"].pid == before


def test_another_port_for_a_running_studio_is_refused(running_studio: SmallStudio) -> None:
    other = SmallStudio(settings_for(running_studio.settings.home, port=free_port()))
    with pytest.raises(ConfigConflict) as refusal:
        other.up()
    assert str(running_studio.settings.port) in refusal.value.message
    assert "mistudio down" in refusal.value.remedy


def test_two_homes_run_side_by_side(running_studio: SmallStudio, small_studio: SmallStudio) -> None:
    small_studio.up()
    assert small_studio.is_whole()
    assert small_studio.down() is True
    assert not small_studio.processes()
    assert running_studio.is_whole()


def test_down_leaves_no_process_and_a_second_down_says_that_none_ran(small_studio: SmallStudio) -> None:
    small_studio.up()
    assert len(small_studio.processes()) > 6
    assert small_studio.down() is True
    assert not small_studio.processes()
    assert read_state(small_studio.settings) is None
    assert small_studio.down() is False


def test_down_also_ends_what_a_killed_supervisor_left(small_studio: SmallStudio) -> None:
    small_studio.up()
    small_studio.kill("supervisor", "standby")
    assert small_studio.down() is True
    assert not small_studio.processes()


def test_a_stop_goes_on_when_the_supervisor_is_killed_in_the_middle(small_studio: SmallStudio) -> None:
    small_studio.up()
    stop_request(small_studio.settings).write_text("5")
    small_studio.kill("supervisor")
    until(lambda: not small_studio.processes())


def test_jobs_are_asked_to_save_before_they_end(small_studio: SmallStudio, tmp_path: Path) -> None:
    small_studio.up()
    job = _job(
        small_studio, tmp_path, "trap 'sleep 0.3; touch saved; exit' TERM; touch begun; while :; do sleep 0.05; done"
    )
    until((tmp_path / "begun").exists)
    assert small_studio.report().jobs == ("j-1",)
    small_studio.down()
    assert (tmp_path / "saved").exists()
    assert job.wait(5) == 0
    assert any("saves" in line for line in small_studio.told)


def test_jobs_outlive_a_killed_studio_and_are_left_alone_by_the_next_up(
    small_studio: SmallStudio, tmp_path: Path
) -> None:
    small_studio.up()
    job = _job(small_studio, tmp_path, "touch begun; while :; do sleep 0.05; done")
    until((tmp_path / "begun").exists)
    small_studio.kill("supervisor", "standby")
    small_studio.up()
    assert job.poll() is None
    small_studio.down(save_seconds=0.0)
    assert job.wait(5) < 0


def _job(studio: SmallStudio, folder: Path, script: str) -> subprocess.Popen[bytes]:
    """A process that looks like a job's to everyone but the shell that runs it."""
    (folder / "mistudio.studio.worker").write_text(script)
    return subprocess.Popen(
        ["python", "-m", "mistudio.studio.worker", "job", "j-1"],
        executable="/bin/sh",
        cwd=folder,
        env={**os.environ, MARK: str(studio.settings.home)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_a_process_that_will_not_start_fails_the_start_and_says_what_it_said(small_studio: SmallStudio) -> None:
    small_studio.options = ("--crash",)
    with pytest.raises(StudioFailed) as failure:
        small_studio.up()
    assert "code 7" in failure.value.message
    assert "turntable" in failure.value.message
    assert "worker-1.log" in failure.value.remedy
    assert not small_studio.processes()


def test_a_database_of_another_version_fails_the_start_with_a_remedy(small_studio: SmallStudio) -> None:
    small_studio.settings.postgres_dir.mkdir(parents=True)
    (small_studio.settings.postgres_dir / "PG_VERSION").write_text("14\n")
    with pytest.raises(StudioFailed, match="PostgreSQL 14") as failure:
        small_studio.up()
    assert "Move that folder away" in failure.value.remedy


def test_a_process_that_has_a_recorded_number_by_chance_is_not_touched(small_studio: SmallStudio) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        small_studio.settings.run_dir.mkdir(parents=True)
        identity = Identity(pid=stranger.pid, started=psutil.Process(stranger.pid).create_time() - 3600)
        worker = ProcessState(name="worker-1", title="worker", command=(), identity=identity)
        state = StudioState(
            url="http://127.0.0.1:1",
            port=1,
            phase=Phase.READY,
            version="0",
            supervisor=identity,
            started_at=datetime.now(UTC),
            processes=(worker,),
        )
        write_state(small_studio.settings, state)
        assert small_studio.report().phase == "stopped"
        small_studio.up()
        small_studio.down()
        assert stranger.poll() is None
        stranger.kill()


def test_a_state_that_cannot_be_read_is_no_hindrance(small_studio: SmallStudio) -> None:
    state_path(small_studio.settings).parent.mkdir(parents=True)
    state_path(small_studio.settings).write_text('{"url": ')
    small_studio.up()
    assert small_studio.is_whole()


def test_a_taken_port_is_named_with_who_has_it_and_another_one(small_studio: SmallStudio) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", small_studio.settings.port))
        other.listen()
        with pytest.raises(BadInput) as refusal:
            small_studio.up()
    assert f"Port {small_studio.settings.port} is taken by" in refusal.value.message
    assert f"process {os.getpid()}" in refusal.value.message
    named = re.search(r"mistudio up --port (\d+)", refusal.value.remedy)
    assert named
    assert small_studio.settings.port < int(named[1]) < small_studio.settings.port + 20
    with socket.socket() as free:
        free.bind(("127.0.0.1", int(named[1])))


def test_a_port_that_another_studio_has_is_named_with_its_home(running_studio: SmallStudio, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"studio of {running_studio.settings.home}"):
        listen(settings_for(tmp_path, port=running_studio.settings.port))


def test_listening_for_other_machines_needs_a_token(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port=free_port(), host="0.0.0.0")
    with pytest.raises(BadInput, match="token") as refusal:
        listen(settings)
    assert "MISTUDIO_API_TOKENS" in refusal.value.remedy
    listen(Settings(home=tmp_path, port=settings.port, host="0.0.0.0", api_tokens="admin:0123456789abcdef")).close()


def test_a_home_that_is_no_folder_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        take_lock(settings_for(tmp_path / "home"))


def test_the_home_is_closed_to_other_users(small_studio: SmallStudio) -> None:
    os.close(take_lock(small_studio.settings))
    assert small_studio.settings.home.stat().st_mode & 0o777 == 0o700


def test_the_supervisor_stops_when_its_terminal_asks(small_studio: SmallStudio) -> None:
    small_studio.up()
    psutil.Process(small_studio["supervisor"].pid).send_signal(signal.SIGINT)
    until(lambda: not small_studio.processes())


def test_a_server_of_the_users_that_does_not_answer_is_named_without_its_password(
    small_studio: SmallStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_ANSWER_SECONDS", 0.3)
    url = f"postgresql://{'me'}:{'secret'}@127.0.0.1:{free_port()}/studio"
    small_studio.settings = small_studio.settings.model_copy(update={"database_url": url})
    with pytest.raises(StudioFailed, match=r"PostgreSQL at 127.0.0.1:\d+ does not answer") as failure:
        small_studio.up()
    assert "DATABASE_URL" in failure.value.remedy
    assert not any("secret" in line for line in [failure.value.message, *small_studio.told])


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (f"postgresql://{'u'}:{'p'}@db.example/x", "db.example:5432"),
        ("postgresql+asyncpg://u@/x?host=/run/postgresql", "/run/postgresql/.s.PGSQL.5432"),
        ("postgresql://u@h:5433/x", "h:5433"),
    ],
)
def test_a_database_is_named_by_its_place(tmp_path: Path, url: str, place: str) -> None:
    (service,) = services.services_of(Settings(home=tmp_path, database_url=url))
    assert str(service) == f"PostgreSQL at {place}"
