"""The studio in Chromium, as one uses it who reads no manual: the whole road, an outage, a failure, the keyboard."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import mistudio.studio
from mistudio.studio.settings import Settings
from tests.studio.road.small_world import save_text
from tests.tiny_models import save_tiny_checkpoint

_ROAD = Path(__file__).with_name("road.mjs")
_UI = Path(__file__).parents[3] / "ui"
_PAGES = Path(mistudio.studio.__file__).parent / "static" / "index.html"
_CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
_STEPS = 11
_TOKENS = 3_000_000
"""Of the training: enough that it still runs when the killed API is back."""


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is missing")
@pytest.mark.skipif(not Path(_CHROMIUM).exists(), reason="Chromium is missing")
@pytest.mark.skipif(not (_UI / "node_modules" / "playwright-core").exists(), reason="the pages' libraries are missing")
@pytest.mark.skipif(not _PAGES.exists(), reason="the pages are not built: make ui")
def test_a_user_walks_the_whole_road(studio: Settings, tmp_path: Path) -> None:
    given = {
        "address": studio.url,
        "ui": str(_UI),
        "home": str(studio.home),
        "model": str(save_tiny_checkpoint(tmp_path / "tiny-llama", max_position_embeddings=512)),
        "text": str(save_text(tmp_path / "speeches")),
        "doomed": str(save_tiny_checkpoint(tmp_path / "doomed")),
        "tokens": _TOKENS,
        "picture": str(tmp_path / "failed.png"),
    }
    command = ["node", str(_ROAD), json.dumps(given)]
    walked = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert walked.returncode == 0, walked.stderr
    told = json.loads(walked.stdout)
    assert told["failed"] is None, told
    assert len(told["done"]) == _STEPS
    assert told["faults"] == []
