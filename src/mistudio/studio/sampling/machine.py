"""How this machine is: processor, memory, disk, network, GPUs and the studio's processes."""

from __future__ import annotations

import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from mistudio.studio.events.catalogue import GpuSample, MachineSample
from mistudio.studio.sampling.gpus import Gpus
from mistudio.studio.sampling.processes import Processes
from mistudio.studio.settings import Settings

SAMPLE_SECONDS = 2.0
"""Between two samples."""


class Machine:
    """Answers how the machine is. Rates are over the time since the answer before."""

    def __init__(self, settings: Settings) -> None:
        self._home = settings.home
        self._gpus = Gpus()
        self._processes = Processes(str(settings.home), str(settings.postgres_dir))
        self._before = _counters()
        self._asked = time.monotonic()
        psutil.cpu_percent(percpu=True)  # The first answer only sets the clock.

    def sample(self) -> MachineSample:
        """How it is now."""
        clock = time.monotonic()
        seconds, self._asked = max(clock - self._asked, 1e-3), clock
        counters, before = _counters(), self._before
        self._before = counters
        rates = [max(0.0, (now - then) / seconds) for now, then in zip(counters, before, strict=True)]
        cores = tuple(psutil.cpu_percent(percpu=True))
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

    def gpus(self) -> tuple[GpuSample, ...]:
        """The GPUs."""
        return self._gpus.sample()


def _counters() -> tuple[int, int, int, int]:
    """Bytes read, written, received and sent since the machine started."""
    disk: Any = psutil.disk_io_counters()  # None where there is no disk of its own.
    network: Any = psutil.net_io_counters()
    return (
        disk.read_bytes if disk else 0,
        disk.write_bytes if disk else 0,
        network.bytes_recv if network else 0,
        network.bytes_sent if network else 0,
    )


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 1) if values else None


def _existing(path: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(each for each in (path, *path.parents) if each.exists())
