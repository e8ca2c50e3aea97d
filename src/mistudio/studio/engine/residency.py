"""What is loaded, who uses it, and who leaves.

1. Whoever needs a model or an SAE takes it with `model` or `sae`; the first to ask loads it, the others wait for that.
2. One thing is loaded at a time, after its memory has been counted: what was used least recently leaves to make room.
3. What nobody has used for `idle_seconds` leaves. What is in use never does.

To be used from one event loop. Torch is imported by the first load, in a worker thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mistudio.errors import NotEnoughMemory
from mistudio.language_models.config import ModelConfig
from mistudio.studio.engine import memory
from mistudio.studio.engine.entry import Entry, Held, Wanted, stamp_of
from mistudio.studio.engine.messages import Loaded, Room

if TYPE_CHECKING:
    from mistudio.studio.engine.inference import HeldModel, HeldSae

R = TypeVar("R")

OnLoading = Callable[[str], None]
"""Is told the path of what must be loaded first."""


class Residency:
    """The models and SAEs of one process."""

    def __init__(self, idle_seconds: float) -> None:
        self.idle_seconds = idle_seconds
        self._entries: list[Entry[Held]] = []
        self._reading = asyncio.Lock()
        self._threads = ThreadPoolExecutor(thread_name_prefix="engine")

    # ── what there is ────────────────────────────────────────────────────────────────────────────

    @property
    def is_empty(self) -> bool:
        """Whether nothing is loaded or being loaded."""
        return not self._entries

    @property
    def loading(self) -> tuple[str, ...]:
        """Paths of what is being loaded."""
        return tuple(str(entry.wanted.path) for entry in self._entries if not entry.loading.done())

    @property
    def running(self) -> int:
        """Calls that have their turn."""
        return sum(entry.turns.taken for entry in self._entries)

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        return sum(entry.turns.waiting for entry in self._entries)

    def loaded(self) -> tuple[Loaded, ...]:
        """What is loaded, models first."""
        ready = [entry for entry in self._entries if entry.is_ready]
        return tuple(entry.report() for entry in sorted(ready, key=lambda each: (each.wanted.kind, each.loaded_at)))

    # ── use ──────────────────────────────────────────────────────────────────────────────────────

    async def run(self, work: Callable[[], R], stop: Callable[[], None] | None = None) -> R:
        """Do blocking work in a thread; cancelled, ask it to stop and wait until it has."""
        done = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            if stop is not None:
                stop()
            while not done.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([done])
            if not done.cancelled():
                done.exception()  # nobody is left to hear it
            raise

    @asynccontextmanager
    async def model(
        self, config: ModelConfig, path: Path, on_loading: OnLoading | None = None
    ) -> AsyncIterator[Entry[HeldModel]]:
        """A model, loaded if need be; it stays while it is held.

        Raises:
            NotEnoughMemory: it does not fit, even after everything idle has left.
        """
        config = config.model_copy(update={"device": await self.device(config.device), "source": str(path)})
        wanted = Wanted("model", path, config.device, stamp_of(path), config.quantize)
        async with self._use(wanted, config.dtype, lambda: self._load_model(config), on_loading) as entry:
            yield cast("Entry[HeldModel]", entry)

    @asynccontextmanager
    async def sae(self, path: Path, device: str, on_loading: OnLoading | None = None) -> AsyncIterator[Entry[HeldSae]]:
        """An SAE on a device, loaded if need be; it stays while it is held.

        Raises:
            NotEnoughMemory: it does not fit, even after everything idle has left.
        """
        wanted = Wanted("sae", path, device, stamp_of(path))
        async with self._use(wanted, None, lambda: self._load_sae(path, device), on_loading) as entry:
            yield cast("Entry[HeldSae]", entry)

    async def device(self, name: str) -> str:
        """The device that a name means.

        Raises:
            BadInput: there is no such device.
        """

        def find() -> str:
            from mistudio.studio.engine import inference

            return inference.device_named(name)

        return "cpu" if name == "cpu" else await self.run(find)

    # ── who leaves ───────────────────────────────────────────────────────────────────────────────

    async def reserve(self, wanted: int, device: str, what: str) -> None:
        """See to it that so much memory is free.

        Raises:
            NotEnoughMemory: there is less, even after everything idle has left.
        """
        room = await self.make_room(wanted, device)
        if not room.enough:
            raise NotEnoughMemory(
                f"{what} needs about {_gigabytes(wanted)} on {device}, and {_gigabytes(room.free_bytes)} are free.",
                remedy="Use a smaller or quantised model, or a shorter text, or wait until what is running has ended.",
            )

    async def make_room(self, wanted: int, device: str) -> Room:
        """Unload what is idle on a device, least recently used first, until so much memory is free."""
        unloaded: list[str] = []
        free = await self._free(device)
        while free < wanted and (path := self._drop_oldest_idle(device)) is not None:
            unloaded.append(path)
            await self._give_back()
            free = await self._free(device)
        in_use = [each for each in self._entries if each.is_ready and each.users and _share(each.device, device)]
        return Room(
            device=device,
            wanted_bytes=wanted,
            free_bytes=free,
            in_use_bytes=sum(entry.held.bytes for entry in in_use),
            unloaded=tuple(unloaded),
            restarts=False,
        )

    async def unload(self, path: Path | None) -> None:
        """Unload what was loaded from a path, or everything, but what is in use."""
        await self._drop(lambda entry: path is None or entry.wanted.path == path)

    async def unload_idle(self) -> None:
        """Unload what was not used for `idle_seconds`, and what has been made anew or removed on disk."""
        latest = time.monotonic() - self.idle_seconds
        await self._drop(lambda entry: entry.used_at <= latest or stamp_of(entry.wanted.path) != entry.wanted.stamp)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def _use(
        self,
        wanted: Wanted,
        dtype: str | None,
        load: Callable[[], Coroutine[Any, Any, Held]],
        on_loading: OnLoading | None,
    ) -> AsyncIterator[Entry[Held]]:
        entry = next((each for each in self._entries if each.serves(wanted, dtype)), None)
        if entry is None:
            entry = Entry(wanted, asyncio.create_task(load()), dtype)
            entry.loading.add_done_callback(lambda _: self._loaded(entry))
            self._entries.append(entry)
        entry.users += 1
        try:
            if not entry.loading.done():
                if on_loading is not None:
                    on_loading(str(wanted.path))
                await asyncio.shield(entry.loading)
            yield entry
        finally:
            entry.users -= 1
            entry.used_at = time.monotonic()

    def _loaded(self, entry: Entry[Held]) -> None:
        """Loading has ended, well or badly."""
        entry.loaded_at, entry.used_at = time.time(), time.monotonic()
        if not entry.is_ready:
            self._entries.remove(entry)

    async def _load_model(self, config: ModelConfig) -> HeldModel:
        def needed() -> int:
            from mistudio.studio.engine import inference

            return inference.model_bytes(config)

        def load() -> HeldModel:
            from mistudio.studio.engine import inference

            return inference.load_model(config)

        async with self._reading:
            await self.reserve(await self.run(needed), config.device, Path(config.source).name)
            return await self.run(load)

    async def _load_sae(self, path: Path, device: str) -> HeldSae:
        def needed() -> int:
            from mistudio.studio.engine import inference

            return inference.sae_bytes(path)

        def load() -> HeldSae:
            from mistudio.studio.engine import inference

            return inference.load_sae(path, device)

        async with self._reading:
            await self.reserve(await self.run(needed), device, path.name)
            return await self.run(load)

    def _drop_oldest_idle(self, device: str) -> str | None:
        idle = [entry for entry in self._entries if entry.is_idle and _share(entry.device, device)]
        if not idle:
            return None
        oldest = min(idle, key=lambda entry: entry.used_at)
        self._entries.remove(oldest)
        return str(oldest.wanted.path)

    async def _drop(self, leaves: Callable[[Entry[Held]], bool]) -> None:
        before = len(self._entries)
        self._entries = [entry for entry in self._entries if not (entry.is_idle and leaves(entry))]
        if len(self._entries) < before:
            await self._give_back()

    async def _free(self, device: str) -> int:
        def ask() -> int:
            from mistudio.studio.engine import inference

            return inference.free_bytes(device)

        return await self.run(ask if device.startswith("cuda") else memory.available_bytes)

    async def _give_back(self) -> None:
        def give_back() -> None:
            from mistudio.studio.engine import inference

            inference.give_back()

        await self.run(give_back)


def has_torch() -> bool:
    """Whether the process carries torch, which it cannot put down."""
    return "torch" in sys.modules


def _share(one: str, other: str) -> bool:
    """Whether two devices share their memory: all do but CUDA's."""
    return one == other or not (one.startswith("cuda") or other.startswith("cuda"))


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"
