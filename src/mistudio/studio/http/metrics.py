"""Numbers for Prometheus. Requests are counted by each process, hence their label; the rest is the studio's."""

from __future__ import annotations

import os
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest

from mistudio.studio.db import jobs, samples
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.db.session import Database

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_MACHINE = {
    "cpu_percent": "Use of all processor cores, in percent.",
    "memory_used_bytes": "Memory in use.",
    "memory_total_bytes": "Memory.",
    "swap_used_bytes": "Swap in use.",
    "disk_free_bytes": "Free on the disk that holds the home.",
    "disk_total_bytes": "Size of the disk that holds the home.",
    "disk_read_bytes_per_second": "Bytes read from disks a second.",
    "disk_write_bytes_per_second": "Bytes written to disks a second.",
    "network_received_bytes_per_second": "Bytes received a second.",
    "network_sent_bytes_per_second": "Bytes sent a second.",
}


class Metrics:
    """The numbers of one API process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._registry = CollectorRegistry()
        self._process = str(os.getpid())
        self._requests = Histogram(
            "mistudio_http_request_seconds",
            "Seconds until an answer was whole.",
            ["process", "method", "route", "status"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._sockets = self._gauge("sockets", "Sockets that are open.", "process")
        self._connections = self._gauge("database_connections", "Connections to the database.", "process", "state")
        self._jobs = self._gauge("jobs", "Jobs in each state.", "state")
        self._leases = self._gauge("leases", "Leases of running jobs, held or run out.", "state")
        self._machine = {name: self._gauge(f"machine_{name}", words, "host") for name, words in _MACHINE.items()}
        self._gpu = self._gauge("gpu_percent", "Use of a GPU, in percent.", "host", "gpu")
        self._gpu_memory = self._gauge("gpu_memory_used_bytes", "Memory of a GPU in use.", "host", "gpu")

    def _gauge(self, name: str, words: str, *labels: str) -> Gauge:
        return Gauge(f"mistudio_{name}", words, list(labels), registry=self._registry)

    def measure(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(self._process, method, route, str(status)).observe(seconds)

    async def text(self, *, sockets: int) -> bytes:
        """All numbers, as Prometheus reads them."""
        self._sockets.labels(self._process).set(sockets)
        for state, count in self._database.connections().items():
            self._connections.labels(self._process, state).set(count)
        async with self._database.session() as session:
            counts = await jobs.counts(session)
            live, run_out = len(await jobs.live(session)), len(await jobs.expired(session))
            found = [await samples.latest(session, host, within_seconds=10) for host in await samples.hosts(session)]
        for state in JobState:
            self._jobs.labels(state.value).set(counts.get(state.value, 0))
        self._leases.labels("held").set(live - run_out)
        self._leases.labels("run_out").set(run_out)
        for row in found:
            if row is not None:
                self._note(row.sample)
        return generate_latest(self._registry)

    def _note(self, sample: dict[str, Any]) -> None:
        host = sample["host"]
        for name, gauge in self._machine.items():
            gauge.labels(host).set(sample[name])
        for gpu in sample["gpus"]:
            self._gpu_memory.labels(host, gpu["index"]).set(gpu["memory_used_bytes"])
            if gpu["percent"] is not None:
                self._gpu.labels(host, gpu["index"]).set(gpu["percent"])
