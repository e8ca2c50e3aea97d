"""The studio's own PostgreSQL: made whole, restarted after any death, closed to others."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from mistudio.errors import DatabaseFailed, FormatUnsupported
from mistudio.studio.db.embedded import EmbeddedPostgres, is_dead, wait_for_end
from mistudio.studio.db.lesser_user import through
from mistudio.studio.db.postgres_programs import MAJOR


def query(server: EmbeddedPostgres, *statements: str) -> list[asyncpg.Record]:
    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(user="mistudio", database="mistudio", host=str(server.socket_dir))
        try:
            for statement in statements:
                rows = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(tmp_path_factory.mktemp("own") / "postgres")
    made.start()
    yield made
    made.stop()


def test_the_first_start_gives_a_database_with_vectors(server: EmbeddedPostgres) -> None:
    assert server.url == f"postgresql+asyncpg://mistudio@/mistudio?host={server.pgdata}"
    (row,) = query(server, "SELECT '[1,2,3]'::vector <-> '[1,2,5]'::vector AS distance, lower('ÄÖ') AS lower")
    assert dict(row) == {"distance": 2.0, "lower": "äö"}


def test_nobody_else_can_reach_it(server: EmbeddedPostgres) -> None:
    assert stat.S_IMODE(server.pgdata.stat().st_mode) == 0o700
    assert not [each for each in psutil.Process(server.pid).net_connections("inet") if each.status == "LISTEN"]
    (row,) = query(server, "SHOW listen_addresses")
    assert row["listen_addresses"] == ""


def test_a_second_start_finds_it_running(server: EmbeddedPostgres) -> None:
    other = EmbeddedPostgres(server.pgdata)
    assert other.start() == server.url
    assert other.pid == server.pid


def test_what_was_committed_is_there_after_the_server_is_killed(server: EmbeddedPostgres) -> None:
    query(server, "CREATE TABLE kept (number int)", "INSERT INTO kept VALUES (7)")
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]
    family[0].kill()
    assert wait_for_end(family[:1], 5)
    began = time.monotonic()
    server.start()
    assert time.monotonic() - began < 5
    assert [row["number"] for row in query(server, "SELECT number FROM kept")] == [7]
    assert all(is_dead(process) for process in family)


def test_it_starts_again_after_a_stop(server: EmbeddedPostgres) -> None:
    server.stop()
    assert server.pid is None
    assert not (server.pgdata / "postmaster.pid").exists()
    server.start()
    assert query(server, "SELECT 1 AS one")[0]["one"] == 1


@pytest.mark.parametrize("content", ["{pid}\n", "nonsense\n", ""])
def test_a_pid_file_that_names_another_program_is_no_hindrance(server: EmbeddedPostgres, content: str) -> None:
    server.stop()
    owner = server.pgdata.stat()
    with subprocess.Popen(["sleep", "30"]) as stranger:
        pid_file = server.pgdata / "postmaster.pid"
        pid_file.write_text(content.format(pid=stranger.pid))
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        server.start()
        assert stranger.poll() is None
        stranger.kill()


def test_a_path_that_no_socket_can_have_is_served_from_a_private_folder(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / 'ä place, with "signs"' / ("x" * 90) / "postgres")
    server.pgdata.parent.mkdir(parents=True)
    try:
        server.start()
        assert server.socket_dir != server.pgdata
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert query(server, "SELECT 1 AS one")[0]["one"] == 1
    finally:
        folder = server.socket_dir
        server.stop()
    assert not folder.exists()


def test_data_of_another_major_version_are_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(FormatUnsupported, match=f"PostgreSQL 16, and this is PostgreSQL {MAJOR}") as refusal:
        EmbeddedPostgres(tmp_path / "postgres").start()
    assert "Move that folder away" in refusal.value.remedy


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "notes.txt").write_text("mine")
    with pytest.raises(DatabaseFailed, match="no database"):
        EmbeddedPostgres(tmp_path / "postgres").start()
    assert (tmp_path / "postgres" / "notes.txt").read_text() == "mine"


def test_a_making_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    half = tmp_path / ".postgres.partial"
    half.mkdir()
    (half / "PG_VERSION").write_text(f"{MAJOR}\n")
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.prepare()
    assert not half.exists()
    assert (server.pgdata / "pg_hba.conf").is_file()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_runs_it_as_another_user_and_opens_no_folder_to_it(server: EmbeddedPostgres) -> None:
    assert psutil.Process(server.pid).uids().real != 0
    assert stat.S_IMODE(server.pgdata.parent.stat().st_mode) == 0o700
    assert server.pgdata.parent.stat().st_uid == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_than_root_runs_it_as_himself(tmp_path: Path) -> None:
    script = (
        "import os, sys, psutil; from pathlib import Path; from mistudio.studio.db.embedded import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1])); server.start()\n"
        "print(psutil.Process(server.pid).uids().real, os.geteuid()); server.stop()"
    )
    home = tmp_path / "nobody"
    home.mkdir(mode=0o700)
    os.chown(home, 65534, 65534)
    command = through(65534, 65534, [sys.executable, "-c", script, str(home / "postgres")])
    done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    assert done.stdout.split() == ["65534", "65534"], done.stderr
