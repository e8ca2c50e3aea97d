"""The studio's API on a real server, and a client for it."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator

import httpx
import pytest

from mistudio.studio.settings import Settings
from tests.studio.serving import serving

_SECONDS = 90
"""That a request may take where the machine does much else."""


@pytest.fixture
def client(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a studio without workers and without an engine."""
    with serving(settings) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=_SECONDS) as made:
        faulthandler.dump_traceback_later(_SECONDS - 10, file=2)  # Where it hangs, in the test's output.
        yield made
        faulthandler.cancel_dump_traceback_later()
