"""GPUs as their driver tells of them. Without NVIDIA's library, or without such a GPU, there are none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from mistudio.studio.events.catalogue import GpuSample


class Gpus:
    """This machine's GPUs. The driver is loaded once, at the first question."""

    def __init__(self) -> None:
        self._driver: Any = None
        self._handles: list[Any] | None = None

    def sample(self) -> tuple[GpuSample, ...]:
        """How each one is now."""
        if self._handles is None:
            self._handles = self._open()
        found = []
        for index, handle in enumerate(self._handles):
            with suppress(self._driver.NVMLError):
                found.append(self._sample(index, handle))
        return tuple(found)

    def _open(self) -> list[Any]:
        try:
            self._driver = import_module("pynvml")
            self._driver.nvmlInit()
            return [self._driver.nvmlDeviceGetHandleByIndex(i) for i in range(self._driver.nvmlDeviceGetCount())]
        except Exception:  # noqa: BLE001  the library's errors are its own, and none of them is worth a sample
            return []

    def _sample(self, index: int, handle: Any) -> GpuSample:
        driver = self._driver
        memory, name = driver.nvmlDeviceGetMemoryInfo(handle), driver.nvmlDeviceGetName(handle)
        return GpuSample(
            index=index,
            name=name.decode() if isinstance(name, bytes) else name,
            percent=self._ask(lambda: driver.nvmlDeviceGetUtilizationRates(handle).gpu),
            memory_used_bytes=int(memory.used),
            memory_total_bytes=int(memory.total),
            temperature_celsius=self._ask(lambda: driver.nvmlDeviceGetTemperature(handle, driver.NVML_TEMPERATURE_GPU)),
            power_watts=self._ask(lambda: driver.nvmlDeviceGetPowerUsage(handle) / 1000),
        )

    def _ask(self, question: Callable[[], float]) -> float | None:
        """Not every GPU answers every question."""
        with suppress(self._driver.NVMLError):
            return float(question())
        return None
