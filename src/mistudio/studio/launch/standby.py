"""Wait until the supervisor is gone, then become it: `python standby.py LOCK_FILE COMMAND…`.

The supervisor holds a lock for as long as it lives, and the operating system gives it to the one that waits for it, so
nothing is polled and nothing can be missed. The command gets `--take-over --lock FD`. Inherited descriptors, such as
that of the socket that browsers connect to, stay open throughout.

Started by its path with the standard library alone, because it only waits and shall take no memory.
"""

from __future__ import annotations

import fcntl
import os
import sys

if __name__ == "__main__":
    lock = os.open(sys.argv[1], os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)
    command = [*sys.argv[2:], "--take-over", "--lock", str(lock)]
    os.execv(command[0], command)
