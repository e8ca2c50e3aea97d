"""Data sets for tests of the API: files of the user's, and answers taken apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from mistudio.studio.settings import Settings
from tests.studio.workshop import Workshop

EMOJI = "👩‍👩‍👧 family · 漢字 · ﷽ · e\u0301 · \u202eabc"


@pytest.fixture
def folder(settings: Settings) -> Path:
    """A folder of the user's, which the studio may read."""
    path = settings.home.parent / "data"
    path.mkdir()
    return path


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """A studio that may read `data` beside its home, and takes uploads up to a mebibyte."""
    return settings.model_copy(update={"data_roots": str(tmp_path / "data"), "max_upload_bytes": 2**20})


@pytest.fixture
def letters(client: httpx.Client, workshop: Workshop, folder: Path) -> dict[str, Any]:
    """A data set of 60 letters, 12 of them held out."""
    texts = [f"Letter {number} {EMOJI}: " + "the people of the nation are free. " * 5 for number in range(60)]
    return add(client, workshop, lines(folder / "letters.jsonl", texts), held_out=0.2)


def lines(path: Path, texts: list[str]) -> Path:
    """A file of JSON lines."""
    rows = ({"text": text, "year": 1790 + number} for number, text in enumerate(texts))
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def ok(response: httpx.Response, status: int = 200) -> Any:
    """What was answered."""
    assert response.status_code == status, response.text
    return response.json()["data"]


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Why it was refused."""
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert error["code"] == code, error
    assert error["details"]["remedy"]
    return error


def add(client: httpx.Client, workshop: Workshop, source: Path | str, **config: Any) -> dict[str, Any]:
    """Add a data set and wait for it."""
    job = ok(client.post("/datasets", json={"config": {"sources": [str(source)], **config}}), 202)["job"]
    workshop.work("analysis")
    job = ok(client.get(f"/jobs/{job['id']}"))
    assert job["state"] == "completed", job
    return ok(client.get(f"/datasets/{job['result']['id']}"))
