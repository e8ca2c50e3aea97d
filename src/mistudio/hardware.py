"""What the machine can do, and how it is said what work needs of it. Imports torch only when asked."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mistudio.errors import BadInput

if TYPE_CHECKING:
    import torch


def cpu_multiplies_bfloat16() -> bool:
    """Whether this processor has bfloat16 matrix or dot-product instructions (AMX or AVX-512 BF16).

    Without them bfloat16 is emulated and slower than float32.
    """
    import torch

    capabilities = torch.cpu.get_capabilities()
    return bool(
        capabilities.get("amx_bf16") or capabilities.get("avx512_bf16") or capabilities.get("bf16", False)  # Arm's name
    )


def cpu_multiplies_int8() -> bool:
    """Whether this processor has dot products of 8-bit integers (AMX or VNNI); without them sums may saturate."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_int8") or capabilities.get("avx512_vnni"))


def processor_has_bfloat16() -> bool:
    """As `cpu_multiplies_bfloat16`, without torch: by what Linux says of the processor; False where it says nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return not {"amx_bf16", "avx512_bf16", "bf16"}.isdisjoint(flags.split())


def fast_dtype(device: torch.device) -> torch.dtype:
    """The dtype in which matrix products are fastest on `device` without leaving float32's range."""
    import torch

    if device.type == "cpu":
        return torch.bfloat16 if cpu_multiplies_bfloat16() else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.float32


def best_device() -> torch.device:
    """CUDA where there is one, else Apple's GPU, else the processor."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def memory_bytes() -> int:
    """Physical memory that this process may use: the machine's, or its control group's limit if lower."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit_file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limit = Path(limit_file).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if limit.isdigit():
            total = min(total, int(limit))
    return total


def cores() -> int:
    """Processor cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def named_device(name: str | None) -> torch.device:
    """The device of that name; the best there is for `auto` and None.

    Raises:
        BadInput: there is none of that name.
    """
    import torch

    if name in (None, "auto"):
        return best_device()
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise BadInput(f"There is no device {name!r} here.", remedy="Use cpu, or auto.") from error
    return device


@dataclass(frozen=True)
class Part:
    """One part of the memory or disk that work needs."""

    name: str
    bytes: int
    meaning: str
    """What it is, and what decides its size."""


@dataclass(frozen=True)
class Reached:
    """How fast earlier work of the same kind was on this machine."""

    what: str
    """Its name, for people."""
    tokens_per_second: float
    flop_per_token: float


@dataclass(frozen=True)
class Estimate:
    """What work will need, part by part. The parts of the memory are there at the same time."""

    memory: tuple[Part, ...] = ()
    device_memory: tuple[Part, ...] = ()
    """Of a GPU."""
    disk: tuple[Part, ...] = ()
    seconds: float | None = None
    """None where nobody knows."""
    seconds_basis: str = "not known before the first run: nothing of this kind has run on this machine yet"
    """What the time was derived from, or why it is not known."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """Numbers that follow from the configuration."""

    @property
    def memory_bytes(self) -> int:
        """All parts of the memory, in bytes."""
        return sum(part.bytes for part in self.memory)

    @property
    def device_memory_bytes(self) -> int:
        """All parts of the GPU's memory, in bytes."""
        return sum(part.bytes for part in self.device_memory)

    @property
    def disk_bytes(self) -> int:
        """All parts of the disk, in bytes."""
        return sum(part.bytes for part in self.disk)


def time_for(tokens: float, flop_per_token: float, reached: Sequence[Reached]) -> tuple[float | None, str]:
    """Seconds that `tokens` will take, from the earlier work whose cost a token is nearest, and how that was found."""
    if tokens <= 0 or flop_per_token <= 0:
        return 0.0, "there is nothing to compute"
    known = [each for each in reached if each.tokens_per_second > 0 and each.flop_per_token > 0]
    if not known:
        return None, Estimate.seconds_basis
    nearest = min(known, key=lambda each: abs(math.log(each.flop_per_token / flop_per_token)))
    speed = nearest.tokens_per_second * nearest.flop_per_token / flop_per_token
    return tokens / speed, f"{nearest.what} reached {nearest.tokens_per_second:,.0f} tokens/s on this machine"
