"""Every kind of job is estimated before it is taken on, and refused with the numbers where it does not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from mistudio.artifacts.kinds import Kind
from tests.studio.small_store import NAMES, copy_store
from tests.studio.workshop import Workshop, workshop

__all__ = ["workshop"]

MODEL, TOKENS, SAE, TEXT = (NAMES[kind.folder] for kind in (Kind.MODEL, Kind.TOKENS, Kind.SAE, Kind.CORPUS))
_HUGE = 2**43
"""Bytes of a file that takes no room on the disk."""


@pytest.fixture
def road(workshop: Workshop, small_store: Path) -> Workshop:
    """A studio with one thing of every kind."""
    copy_store(small_store, workshop.settings.home)
    workshop.index_store()
    return workshop


def sparse(path: Path) -> str:
    """A file that says that it is huge."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(_HUGE)
    return str(path)


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), answer.text
    details: dict[str, Any] = error["details"]
    assert details["needed_bytes"] > details["available_bytes"]
    return details


def test_finding_evaluating_and_tokenizing_are_refused_where_the_memory_does_not_do(client, road) -> None:
    made_of = {"model_id": MODEL, "tokenization_id": TOKENS}
    huge = {"batch_contexts": 10**9}
    refused(client.post(f"/saes/{SAE}/evaluations", json=made_of | {"config": huge}), 503, "NotEnoughMemory")
    huge = {"batch_tokens": 10**12}
    refused(client.post("/feature-sets", json=made_of | {"sae_id": SAE, "config": huge}), 503, "NotEnoughMemory")
    wanted = {"model_id": MODEL, "config": {"processes": 10**6}}
    refused(client.post(f"/datasets/{TEXT}/tokenizations", json=wanted), 503, "NotEnoughMemory")
    assert client.get("/jobs").json()["pagination"]["total"] == 0


def test_finding_and_evaluating_wait_for_the_device_like_recording(client, road) -> None:
    made_of = {"model_id": MODEL, "tokenization_id": TOKENS}
    answers = [
        client.post(f"/saes/{SAE}/evaluations", json=made_of),
        client.post("/feature-sets", json=made_of | {"sae_id": SAE}),
        client.post("/recordings", json=made_of | {"config": {"hooks": ["resid_post.1"]}}),
    ]
    assert [road.job(answer.json()["data"]["job_id"]).device for answer in answers] == ["device:auto"] * 3


def test_text_and_models_that_lie_here_are_measured_by_their_files(client, road) -> None:
    folder = road.settings.home / "brought"
    refused(client.post("/datasets", json={"config": {"sources": [sparse(folder / "a.parquet")]}}), 507, "DiskFull")
    details = refused(
        client.post("/datasets", json={"config": {"sources": [sparse(folder / "b.txt")]}}), 503, "NotEnoughMemory"
    )
    assert details["parts"]["largest file"] > _HUGE
    sparse(folder / "model" / "model.safetensors")
    (folder / "model" / "config.json").write_text(json.dumps({"torch_dtype": "bfloat16"}))
    answer = client.post("/models", json={"config": {"source": str(folder / "model")}})
    assert refused(answer, 503, "NotEnoughMemory")["parts"]["weights"] >= _HUGE


def test_an_estimate_says_what_it_does_not_know(client, road) -> None:
    def estimate(kind: str, **request: Any) -> dict[str, Any]:
        answer = client.post("/jobs/estimate", json={"kind": kind, **request})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["data"]
        return found

    hub = estimate("dataset_add", config={"sources": ["owner/texts"]})
    assert next(part["meaning"] for part in hub["disk"] if part["name"] == "owner/texts").startswith("Unknown")
    model = estimate("model_add", config={"source": "owner/model"})
    assert model["disk"][0]["meaning"].startswith("Unknown")
    tokens = estimate("dataset_tokenize", dataset_id=TEXT, model_id=MODEL)
    row = road.row("tokenization", TOKENS)
    assert tokens["facts"]["tokens"] == pytest.approx(row.tokens, rel=0.5)
    assert "earlier tokenization" in tokens["disk"][0]["meaning"]
    assert all(each["memory_bytes"] > 0 and each["fits"] for each in (hub, model, tokens))


def test_an_estimate_tells_nothing_of_files_that_may_not_be_read(client, tmp_path) -> None:
    for request in (
        {"kind": "dataset_add", "config": {"sources": ["/etc/hostname"]}},
        {"kind": "model_add", "config": {"source": "/etc"}},
    ):
        assert client.post("/jobs/estimate", json=request).status_code == 403
