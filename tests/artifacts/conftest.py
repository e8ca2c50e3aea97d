"""A sealed artifact of two files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import seal


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    directory = tmp_path / "letters"
    (directory / "parts").mkdir(parents=True)
    (directory / "text.txt").write_text("Four score and seven years ago")
    (directory / "parts" / "numbers.bin").write_bytes(bytes(range(256)))
    seal(directory, Kind.CORPUS, config={"held_out": 0.1}, metrics={"documents": 3})
    return directory
