"""Run a program as another user than root: `python lesser_user.py UID GID PROGRAM ARGUMENT…`.

PostgreSQL refuses to run as root. Opening root's home to another user would be worse than the refusal, so the program
keeps one right of root's, where the system has such rights (Linux): to pass by the permissions of files. Nothing is
changed on the machine: no user is made and no folder's mode is touched.

Started by its path with the standard library alone, and then replaced by the program.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence

# From <linux/prctl.h> and <linux/capability.h>.
_KEEP_CAPABILITIES, _AMBIENT, _RAISE, _PASS_BY_PERMISSIONS, _VERSION_3 = 8, 47, 2, 1, 0x20080522


def become(uid: int, gid: int) -> None:
    """Give up root's identity for good, keeping the one right where that is possible."""
    linux = sys.platform == "linux"
    libc = ctypes.CDLL(None, use_errno=True)
    if linux:
        libc.prctl(_KEEP_CAPABILITIES, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if linux:
        kept = 1 << _PASS_BY_PERMISSIONS
        header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
        effective_permitted_inheritable = (ctypes.c_uint32 * 6)(kept, kept, kept, 0, 0, 0)
        if libc.capset(header, effective_permitted_inheritable) == 0:
            libc.prctl(_AMBIENT, _RAISE, _PASS_BY_PERMISSIONS, 0, 0)


def through(uid: int, gid: int, command: Sequence[str]) -> list[str]:
    """The command that runs `command` as that user."""
    return [sys.executable, "-I", "-S", __file__, str(uid), str(gid), *command]


if __name__ == "__main__":
    become(int(sys.argv[1]), int(sys.argv[2]))
    os.execv(sys.argv[3], sys.argv[3:])
