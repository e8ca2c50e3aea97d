"""Models that several tests read and none changes."""

from pathlib import Path

import pytest

from mistudio.language_models.loading import LanguageModel
from tests.tiny_models import save_tiny_checkpoint, tiny_language_model


@pytest.fixture(scope="session")
def lm() -> LanguageModel:
    """A tiny Llama."""
    return tiny_language_model("llama")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A tiny Llama on disk, as the Hub serves it."""
    return save_tiny_checkpoint(tmp_path / "llama")
