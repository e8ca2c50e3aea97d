"""How soon the API answers fifty readers: `python benchmarks/studio_api.py URL [READERS] [PAUSE_SECONDS] [SECONDS]`.

A reader holds one connection and asks for one thing after another, as pages do; between an answer and the next question
it waits for the pause. With a pause of 0 the readers take all that the server can give, and the time says how many
requests a second that is. The client speaks HTTP itself: a library would take more of the processor than the server.

The server must allow it: MISTUDIO_REQUESTS_PER_MINUTE=1000000.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from urllib.parse import urlsplit

PATHS = (
    "/api/v1/jobs?limit=20",
    "/api/v1/jobs/counts",
    "/api/v1/datasets",
    "/api/v1/models",
    "/api/v1/trainings",
    "/api/v1/saes",
    "/api/v1/feature-sets",
    "/api/v1/templates",
    "/api/v1/system/metrics",
    "/api/v1/system/history",
    "/api/v1/settings",
    "/health",
)


async def read(url: str, pause: float, until: float, seconds: dict[str, list[float]]) -> None:
    address = urlsplit(url)
    await asyncio.sleep(random.random() * pause)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    paths = list(PATHS)
    random.shuffle(paths)
    number = 0
    while time.monotonic() < until:
        path = paths[number % len(paths)]
        number += 1
        begun = time.perf_counter()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r")[0])
        await reader.readexactly(length)
        seconds[path].append(time.perf_counter() - begun)
        assert head.startswith("http/1.1 200"), f"{path}: {head.splitlines()[0]}"
        await asyncio.sleep(random.uniform(0.5, 1.5) * pause)
    writer.close()


def quantile(values: list[float], share: float) -> float:
    return 1000 * sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def main(url: str, readers: int = 50, pause: float = 1.0, duration: float = 20.0) -> None:
    seconds: dict[str, list[float]] = {path: [] for path in PATHS}
    until = time.monotonic() + duration
    await asyncio.gather(*(read(url, pause, until, seconds) for _ in range(readers)))
    everything = [each for values in seconds.values() for each in values]
    for path, values in [*seconds.items(), ("all", everything)]:
        median, p95, p99 = (quantile(values, share) for share in (0.5, 0.95, 0.99))
        print(f"{path:32} {len(values):6} requests   p50 {median:7.1f}   p95 {p95:7.1f}   p99 {p99:7.1f} ms")
    print(f"{readers} readers, a pause of {pause:g} s: {len(everything) / duration:.0f} requests a second")


if __name__ == "__main__":
    address, *numbers = sys.argv[1:]
    asyncio.run(main(address, *([int(numbers[0])] if numbers else []), *map(float, numbers[1:])))
