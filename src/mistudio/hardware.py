"""What the machine can do: facts that decide dtypes and batch sizes. Imports torch only when asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

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
