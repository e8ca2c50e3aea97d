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
from tests.studio.api import data_sets
from tests.studio.api.data_sets import ok, refused
from tests.studio.workshop import Workshop
from tests.tiny_models import save_tiny_checkpoint

workshop, settings, folder, letters = shop.workshop, data_sets.settings, data_sets.folder, data_sets.letters


@pytest.fixture
def tokenization(
    client: httpx.Client,
    workshop: Workshop,
    letters: dict[str, Any],
    tmp_path: Path,
) -> dict[str, Any]:
    """The letters, tokenized for a tiny model."""
    model = save_tiny_checkpoint(tmp_path / "data" / "tiny")
    ok(client.post("/models", json={"config": {"source": str(model)}}), 202)
    wanted = {"model_id": "tiny", "config": {"context_length": 32}}
    workshop.work("analysis")
    job = ok(client.post(f"/datasets/{letters['name']}/tokenizations", json=wanted), 202)["job"]
    assert job["title"] == "Tokenize letters for tiny"
    workshop.work("analysis")
    job = ok(client.get(f"/jobs/{job['id']}"))
    assert job["state"] == "completed", job
    return ok(client.get(f"/tokenizations/{job['result']['id']}"))


def test_a_data_set_is_tokenized_for_a_model(
    client: httpx.Client, letters: dict[str, Any], tokenization: dict[str, Any]
) -> None:
    assert tokenization["name"] == "letters-tiny"
    assert tokenization["dataset"] == {"id": letters["id"], "name": "letters"}
    assert tokenization["model"]["name"] == "tiny"
    assert tokenization["config"]["context_length"] == tokenization["context_length"] == 32
    assert tokenization["tokens"] == 32 * tokenization["contexts"] > tokenization["text_tokens"] > 0
    assert 0 < tokenization["contexts_held_out"] < tokenization["contexts"]
    assert ok(client.get(f"/datasets/{letters['id']}"))["tokenizations"] == 1
    for address, params in (
        (f"/datasets/{letters['id']}/tokenizations", {}),
        ("/tokenizations", {"dataset_id": letters["id"], "model_id": tokenization["model"]["id"]}),
        ("/tokenizations", {"search": "TINY", "sortBy": "tokens"}),
    ):
        assert ok(client.get(address, params=params)) == [tokenization]
    assert ok(client.get("/tokenizations", params={"dataset_id": "another"})) == []


def test_contexts_show_a_piece_for_every_token(client: httpx.Client, tokenization: dict[str, Any]) -> None:
    address = f"/tokenizations/{tokenization['id']}/samples"
    page = client.get(address, params={"limit": 40}).json()
    assert page["pagination"]["total"] == tokenization["contexts"]
    for sample in page["data"]:
        assert len(sample["ids"]) == len(sample["pieces"]) == len(sample["special"]) == 32
        assert sample["special"][0]
        assert sample["pieces"][0] == "<|bos|>"
    shown = [pair for sample in page["data"][:12] for pair in zip(sample["pieces"], sample["special"], strict=True)]
    text = "".join(piece for piece, special in shown if not special)
    assert "漢字" in text
    assert "the people of the nation are free." in text
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
        assert error["details"]["used_by"] == [
            {"entity": "tokenization", "id": tokenization["id"], "name": "letters-tiny"}
        ]
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
