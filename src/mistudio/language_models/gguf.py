"""GGUF files: transformers reads them and unpacks their blocks into plain weights.

Needs the packages gguf (the format) and accelerate (transformers demands it); both are the extra `gguf`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import GgufConfig

from mistudio.errors import MissingExtra
from mistudio.progress import Progress


def needs_gguf() -> None:
    """Check that the packages are there.

    Raises:
        MissingExtra: one is not.
    """
    missing = [package for package in ("gguf", "accelerate") if find_spec(package) is None]
    if missing:
        raise MissingExtra(
            f"Reading .gguf files needs the package {missing[0]}, which is not installed.",
            remedy="Install it with `pip install 'mistudio[gguf]'` and run the same command again.",
        )


def gguf_options(path: Path) -> dict[str, Any]:
    """The arguments of `from_pretrained` that unpack the file's weights."""
    return {"gguf_file": path.name, "quantization_config": GgufConfig(gguf_file=path.name, dequantize=True)}


class _Unseen(io.StringIO):
    """Where a bar is drawn that nobody sees: every time, the work is asked whether it shall go on."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def write(self, text: str) -> int:
        """Draw nothing."""
        self._progress.checkpoint()
        return len(text)


@contextmanager
def without_its_bar(progress: Progress) -> Iterator[None]:
    """Keep transformers' GGUF reader from drawing its progress bar, for which it has no switch.

    Unpacking takes long and asks nobody; its bar, drawn ten times a second, is the place where it can be stopped.
    """
    with redirect_stderr(_Unseen(progress)):
        yield
