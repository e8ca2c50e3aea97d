"""How this machine is: processor, memory, disk, network, GPUs and the studio's processes."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from mistudio.studio.events.catalogue import MachineSample
from mistudio.studio.sampling.gpus import Gpus
from mistudio.studio.sampling.processes import Processes
from mistudio.studio.settings import Settings

SAMPLE_SECONDS = 2.0
"""Between two samples."""

_CoreTimes = list[tuple[float, float]]


class Machine:
    """Answers how the machine is. Shares and rates are over the time since the sample before."""

    def __init__(self, settings: Settings) -> None:
        self._home = settings.home
        self._gpus = Gpus()
        self._processes = Processes(str(settings.home), str(settings.postgres_dir))
        self._lock = threading.Lock()
        self._asked, self._counters, self._times = time.monotonic(), _counters(), _core_times()
        self._sample: MachineSample | None = None

    def sample(self) -> MachineSample:
        """How it is now. Whoever asks again within half the time between two samples gets the same one."""
        with self._lock:
            clock = time.monotonic()
            if self._sample is None or clock - self._asked > SAMPLE_SECONDS / 2:
                self._sample = self._look(clock)
            return self._sample

    def _look(self, clock: float) -> MachineSample:
        seconds, self._asked = max(clock - self._asked, 1e-3), clock
        rates, self._counters = _rates(self._counters, counters := _counters(), seconds), counters
        cores, self._times = _shares(self._times, times := _core_times()), times
        memory, swap, disk = (
            psutil.virtual_memory(),
            psutil.swap_memory(),
            psutil.disk_usage(str(_existing(self._home))),
        )
        gpus = self._gpus.sample()
        return MachineSample(
            host=socket.gethostname(),
            at=datetime.now(UTC),
            cpu_percent=round(sum(cores) / max(1, len(cores)), 1),
            cores=cores,
            load=os.getloadavg() if hasattr(os, "getloadavg") else None,
            memory_percent=memory.percent,
            memory_used_bytes=memory.total - memory.available,
            memory_total_bytes=memory.total,
            swap_used_bytes=swap.used,
            swap_total_bytes=swap.total,
            disk_percent=disk.percent,
            disk_free_bytes=disk.free,
            disk_total_bytes=disk.total,
            disk_read_bytes_per_second=rates[0],
            disk_write_bytes_per_second=rates[1],
            network_received_bytes_per_second=rates[2],
            network_sent_bytes_per_second=rates[3],
            gpu_percent=_mean([each.percent for each in gpus if each.percent is not None]),
            gpus=gpus,
            processes=self._processes.sample(clock),
        )


def _counters() -> tuple[int, int, int, int]:
    """Bytes read, written, received and sent since the machine started; what stays on the machine is not sent."""
    disk: Any = psutil.disk_io_counters()  # None where there is no disk of its own.
    networks = [each for name, each in psutil.net_io_counters(pernic=True).items() if not name.startswith("lo")]
    return (
        disk.read_bytes if disk else 0,
        disk.write_bytes if disk else 0,
        sum(each.bytes_recv for each in networks),
        sum(each.bytes_sent for each in networks),
    )


def _rates(before: Sequence[int], now: Sequence[int], seconds: float) -> list[float]:
    return [round(max(0, new - old) / seconds, 1) for old, new in zip(before, now, strict=True)]


def _core_times() -> _CoreTimes:
    """Of each core the seconds that it worked, and all seconds."""
    times = []
    for core in psutil.cpu_times(percpu=True):
        # Linux counts what guests use twice.
        total = sum(core) - getattr(core, "guest", 0.0) - getattr(core, "guest_nice", 0.0)
        times.append((total - core.idle - getattr(core, "iowait", 0.0), total))
    return times


def _shares(before: _CoreTimes, now: _CoreTimes) -> tuple[float, ...]:
    """How busy each core was in between, in percent. A core that was switched off or on meanwhile counts as idle."""
    if len(before) != len(now):
        return (0.0,) * len(now)
    pairs = [
        (busy - busy_before, total - total_before)
        for (busy_before, total_before), (busy, total) in zip(before, now, strict=True)
    ]
    return tuple(round(100 * min(1.0, max(0.0, busy / total)), 1) if total > 0 else 0.0 for busy, total in pairs)


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 1) if values else None


def _existing(path: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(each for each in (path, *path.parents) if each.exists())
