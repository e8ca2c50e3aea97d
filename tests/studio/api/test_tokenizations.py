"""Tokenizations over HTTP: real jobs with a real tokenizer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from mistudio.artifacts.kinds import Kind
from mistudio.studio.settings import Settings
from tests.studio import workshop as shop
from tests.studio.api.data_sets import ok, refused
from tests.studio.small_store import copy_store
from tests.studio.workshop import Workshop

workshop = shop.workshop


@pytest.fixture
def tokenization(client: httpx.Client, settings: Settings, small_store: Path) -> dict[str, Any]:
    """The letters of the small store, tokenized for its tiny model."""
    copy_store(small_store, settings.home)
    ok(client.post("/store/index"))
    return ok(client.get("/tokenizations/letters-tiny"))


def test_a_data_set_is_tokenized_for_a_model(
    client: httpx.Client, tokenization: dict[str, Any], workshop: Workshop
) -> None:
    wanted = {"model_id": "tiny", "config": {"context_length": 32}}
    job = ok(client.post("/datasets/letters/tokenizations", json=wanted), 202)["job"]
    assert (job["title"], job["request"]["name"]) == ("Tokenize letters for tiny", "letters-tiny-2")
    workshop.work("analysis")
    job = ok(client.get(f"/jobs/{job['id']}"))
    assert job["state"] == "completed", job
    made = ok(client.get(f"/tokenizations/{job['result']['id']}"))
    assert made["dataset"] == tokenization["dataset"] == {"id": made["dataset"]["id"], "name": "letters"}
    assert made["model"] == tokenization["model"] == {"id": made["model"]["id"], "name": "tiny"}
    assert made["config"]["context_length"] == made["context_length"] == 32
    assert made["tokens"] == 32 * made["contexts"] > made["text_tokens"] > 0
    assert 0 < made["contexts_held_out"] < made["contexts"]
    assert ok(client.get("/datasets/letters"))["tokenizations"] == 2
    both = [made, tokenization]
    for address, params in (
        ("/datasets/letters/tokenizations", {}),
        ("/tokenizations", {"dataset_id": made["dataset"]["id"], "model_id": made["model"]["id"]}),
        ("/tokenizations", {"search": "TINY", "sortBy": "context_length"}),
    ):
        assert ok(client.get(address, params=params)) == both
    assert ok(client.get("/tokenizations", params={"dataset_id": "another"})) == []


def test_contexts_show_a_piece_for_every_token(client: httpx.Client, tokenization: dict[str, Any]) -> None:
    address = f"/tokenizations/{tokenization['id']}/samples"
    page = client.get(address, params={"limit": 40}).json()
    assert page["pagination"]["total"] == tokenization["contexts"]
    for sample in page["data"]:
        assert len(sample["ids"]) == len(sample["pieces"]) == len(sample["special"]) == 16
        assert sample["special"][0]
        assert sample["pieces"][0] == "<|bos|>"
    shown = [pair for sample in page["data"][:12] for pair in zip(sample["pieces"], sample["special"], strict=True)]
    text = "".join(piece for piece, special in shown if not special)
    assert "字 are free, and the law shall be held." in text
    assert "the people 🦊 of the nation" in text
    held_out = client.get(address, params={"split": "held_out"}).json()
    assert held_out["pagination"]["total"] == tokenization["contexts_held_out"]
    assert all(sample["held_out"] for sample in held_out["data"])
    drawn = [client.get(address, params={"seed": seed, "limit": 5}).json()["data"] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_statistics_of_tokens_name_the_most_frequent(client: httpx.Client, tokenization: dict[str, Any]) -> None:
    found = ok(client.get(f"/tokenizations/{tokenization['id']}/statistics"))
    assert found["text_tokens"] == tokenization["text_tokens"]
    assert found["most_frequent"][0]["count"] >= found["most_frequent"][1]["count"]
    assert {" th", " nation"} <= {each["text"] for each in found["most_frequent"]}


def test_tokens_outlive_their_model_and_their_data_set(
    client: httpx.Client,
    tokenization: dict[str, Any],
    workshop: Workshop,
) -> None:
    ok(client.get(f"/tokenizations/{tokenization['id']}/samples", params={"limit": 1}))
    for address in (f"/datasets/{tokenization['dataset']['id']}", f"/models/{tokenization['model']['id']}"):
        error = refused(client.delete(address), 409, "StillUsed")
        used_by = error["details"]["used_by"]
        assert {"entity": "tokenization", "id": tokenization["id"], "name": "letters-tiny"} in used_by
        assert "letters-tiny" in error["message"]
        ok(client.delete(address, params={"force": True}), 202)
    workshop.work("analysis")
    alone = ok(client.get(f"/tokenizations/{tokenization['id']}"))
    assert (alone["dataset"], alone["model"]) == (None, None)
    assert alone["tokenizer"].endswith("models/tiny")
    ok(client.get(f"/tokenizations/{tokenization['id']}/samples", params={"limit": 1}))


def test_tokens_whose_tokenizer_is_gone_say_so(
    client: httpx.Client, tokenization: dict[str, Any], settings: Settings
) -> None:
    shutil.rmtree(settings.store.path(Kind.MODEL, "tiny"))
    shutil.rmtree(settings.derived_dir, ignore_errors=True)
    response = client.get(f"/tokenizations/{tokenization['id']}/samples")
    assert response.status_code in (404, 422), response.text
