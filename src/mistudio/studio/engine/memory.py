"""Memory of the machine and of this process. Imports no torch: the memory of a GPU is asked for in inference.py."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

import psutil

from mistudio.hardware import memory_bytes

_GROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int:
    """Host memory that can be taken without swapping, within the control group's limit."""
    available = int(psutil.virtual_memory().available)
    in_use = _group_bytes(_GROUP)
    return available if in_use is None else max(0, min(available, memory_bytes() - in_use))


def resident_bytes() -> int:
    """Memory that this process has."""
    return int(psutil.Process().memory_info().rss)


def give_back() -> None:
    """Hand freed memory to the system, as far as the allocator can."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # not glibc
        return


def _group_bytes(folder: Path) -> int | None:
    """Memory that the control group uses and the system could not drop at once; None where there is no group."""
    try:
        in_use = int((folder / "memory.current").read_text(encoding="ascii"))
        lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    numbers = dict(line.split(maxsplit=1) for line in lines)
    return in_use - int(numbers.get("inactive_file", 0))
