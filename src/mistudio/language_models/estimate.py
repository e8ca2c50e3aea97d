"""What bringing a model in will need: memory and disk, from its files. Imports no torch."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mistudio.hardware import Estimate, Part, processor_has_bfloat16
from mistudio.language_models.config import ModelConfig

PROGRAM = Part("program", 350 << 20, "The process itself: Python, PyTorch and the other libraries.")
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth")
_BITS = {"F32": 32.0, "BF16": 16.0, "F16": 16.0}
_GGUF_BITS = re.compile(r"(?:^|[.\-_])(?:I?Q(?P<bits>\d)(?:_\w+)?|(?P<float>BF16|F16|F32))(?=\.gguf$)", re.IGNORECASE)
_ASSUMED_BITS = 4.5
"""Of a weight in a .gguf file whose name does not tell."""


def of_model(config: ModelConfig, *, device: str = "cpu") -> Estimate:
    """What bringing a model in will need. Of a model of the Hub nothing is known before it is fetched."""
    path, basis = Path(config.source).expanduser(), "unknown: fetching and converting a model are not timed"
    parameters = _parameters(path) if path.exists() else None
    if parameters is None:
        unknown = Part("weights", 0, "Unknown: a model of the Hub says its size when it is looked at or fetched.")
        return Estimate(memory=(PROGRAM, unknown), disk=(unknown,), seconds_basis=basis)
    count, stored_bytes = parameters
    value_bytes = {"float32": 4, "bfloat16": 2, "float16": 2}.get(config.dtype) or (
        stored_bytes if device != "cpu" else 2 if processor_has_bfloat16() else 4
    )
    weights = Part("weights", count * value_bytes, f"{count:,} numbers of {value_bytes} bytes.")
    on_gpu = device != "cpu" and config.device != "cpu"
    return Estimate(
        memory=(PROGRAM,) if on_gpu else (PROGRAM, weights),
        device_memory=(weights,) if on_gpu else (),
        disk=(weights,),
        seconds_basis=basis,
        facts={"parameters": count},
    )


def _parameters(path: Path) -> tuple[int, int] | None:
    """About how many numbers a model has, and the bytes of one when it is loaded as it is stored."""
    if path.is_file():
        found = _GGUF_BITS.search(path.name)
        bits = _ASSUMED_BITS
        if found:
            bits = _BITS[found["float"].upper()] if found["float"] else int(found["bits"]) + 0.5
        return int(path.stat().st_size * 8 / bits), 4 if bits == 32 else 2
    for pattern in _WEIGHTS:
        if size := sum(file.stat().st_size for file in path.glob(pattern)):
            stored = _stored_bytes(path / "config.json")
            return size // stored, stored
    return None


def _stored_bytes(config: Path) -> int:
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
        content = content.get("text_config") or content
        return 4 if "float32" in (content.get("dtype"), content.get("torch_dtype")) else 2
    except (OSError, ValueError, AttributeError):
        return 2
