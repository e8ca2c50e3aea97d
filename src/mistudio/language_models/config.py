"""What is loaded, and how."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mistudio.config import Config


class ModelConfig(Config):
    """Which causal language model to load, and in what form."""

    source: str = Field(min_length=1)
    """A Hub id (`organisation/name`), a local model directory, or a .gguf file."""
    revision: str | None = None
    """Branch, tag or commit on the Hub; the default branch where none is given."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the weights. `auto`: on a GPU the checkpoint's own; on a CPU bfloat16 where the CPU computes
    in it, else float32."""
    device: str = "auto"
    """`cpu`, `cuda`, `cuda:1`, `mps`; `auto` takes a GPU where there is one."""
    quantize: Literal["4bit", "8bit"] | None = None
    """Pack the weights into 4 or 8 bits while loading (needs bitsandbytes)."""
    trust_remote_code: bool = False
    """Run Python code that comes with the checkpoint. Only for authors whom you trust with this machine."""
