"""What a number was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from mistudio.config import Config
from mistudio.hardware import cores, cpu_multiplies_bfloat16, memory_bytes


class Machine(Config):
    """The facts that decide how fast a step can be."""

    cpu: str
    """The processor's name, as it gives it."""
    cores: int
    """Cores that the benchmark could use."""
    memory_gib: float
    """Memory that it could use, in GiB."""
    native_bfloat16: bool
    """Whether the processor has instructions for bfloat16 products; elsewhere they are emulated."""
    instructions: tuple[str, ...]
    """Its wide vector and matrix instructions."""
    system: str
    """Operating system and Python."""
    torch: str
    """PyTorch's version in miStudio's environment."""


def this_machine() -> Machine:
    """The facts of the machine that this runs on."""
    import torch

    wide = sorted(name for name, there in torch.cpu.get_capabilities().items() if there is True)
    return Machine(
        cpu=_cpu_name(),
        cores=cores(),
        memory_gib=round(memory_bytes() / 2**30, 1),
        native_bfloat16=cpu_multiplies_bfloat16(),
        instructions=tuple(name for name in wide if name.startswith(("amx", "avx", "sve", "bf16"))),
        system=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        torch=torch.__version__,
    )


def load_average() -> float | None:
    """Processes that ran or waited to run over the last minute; None where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _cpu_name() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
