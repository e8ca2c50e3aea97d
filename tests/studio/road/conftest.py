"""A whole studio in a home of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mistudio.studio.db.embedded import is_dead
from mistudio.studio.launch.down import stop
from mistudio.studio.launch.identity import of_studio
from mistudio.studio.launch.up import settings_for, start
from mistudio.studio.settings import Settings
from tests.studio.launch.conftest import free_port


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of a studio that does not run yet, and may read what lies in `tmp_path`."""
    monkeypatch.setenv("MISTUDIO_DATA_ROOTS", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("DATABASE_URL", "REDIS_URL", "MISTUDIO_API_TOKENS"):
        monkeypatch.delenv(name, raising=False)
    return settings_for(tmp_path / "home", port=free_port())


@pytest.fixture
def studio(home: Settings) -> Iterator[Settings]:
    """One that runs."""
    with running(home):
        yield home


@contextmanager
def running(settings: Settings) -> Iterator[None]:
    """Start it; in the end none of its processes is left."""
    start(settings, lambda _: None)
    yield
    stop(settings, lambda _: None, save_seconds=10.0)
    assert not [each for each in of_studio(settings.home) if not is_dead(each)]
