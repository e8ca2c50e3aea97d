"""The studio's API on a real server, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from mistudio.studio.settings import Settings
from tests.studio.serving import serving


@pytest.fixture
def client(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a studio without workers and without an engine."""
    with serving(settings) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=30) as made:
        yield made
