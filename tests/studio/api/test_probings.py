"""Probing SAEs, and comparing one with another, over HTTP and as jobs that run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from mistudio.activations.stream import RecordedSource
from mistudio.artifacts.kinds import Kind
from mistudio.corpora.config import CorpusConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.sae.config import TopKConfig
from mistudio.training.config import TrainConfig
from mistudio.training.train import train
from tests.studio.workshop import Workshop, workshop

__all__ = ["workshop"]

LABELS = {"label": "mood", "min_documents": 4, "ks": [1, 2], "perturbed": [1]}


@pytest.fixture
def road(workshop: Workshop, small_store: Path) -> Workshop:
    """A studio with one thing of every kind, documents with labels, and an SAE of another seed."""
    store, home = workshop.settings.store, workshop.settings.home
    shutil.copytree(small_store, home, dirs_exist_ok=True)
    rows = [
        {"text": f"Letter {number}: {'the people are free' if number % 2 else 'the law shall be held'}.", "mood": mood}
        for number, mood in enumerate(["calm", "angry"] * 16)
    ]
    source = home / "moods.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    add_corpus(CorpusConfig(sources=(str(source),)), store.path(Kind.CORPUS, "moods"))
    config = TrainConfig(sae=TopKConfig(k=4, d_sae=64), tokens=1024, batch_size=256, warmup_steps=2, seed=1)
    train(RecordedSource([home / "activations" / "road"], seed=1), config, store.path(Kind.SAE, "another-seed"))
    workshop.index_store()
    return workshop


def post(client: httpx.Client, path: str, body: Any) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()["data"]["job"]


def get(client: httpx.Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_probing_for_a_label_is_a_job_whose_report_has_all_that_the_library_found(client, road):
    sae, dataset = road.row("sae", "road"), road.row("dataset", "moods")
    wanted = {"dataset_id": "moods", "config": {"labels": LABELS}}
    job = post(client, f"/saes/{sae.id}/probings", wanted)
    assert (job["title"], job["request"]["dataset_id"]) == ("Probe road for mood", dataset.id)
    road.work("extraction")
    done = get(client, f"/jobs/{job['id']}")
    assert done["state"] == "completed", road.log(job["id"])
    [found] = get(client, f"/saes/{sae.id}/probings")
    assert found == get(client, f"/saes/{sae.id}/probings/{done['result']['id']}")
    assert (found["about"], found["dataset"]["name"], found["spelling"]) == ("labels", "moods", None)
    assert [each["probe"] for each in found["labels"]["means"]] == ["k=1", "k=2", "all latents", "raw activations"]
    file = json.loads((road.settings.evaluations_dir / f"{found['id']}.json").read_text())
    assert file["result"]["classes"][0]["raw"] == found["labels"]["classes"][0]["raw"]

    assert get(client, f"/saes/{sae.id}/evaluations") == []
    client.delete(f"/saes/{sae.id}", params={"force": True})
    road.work("analysis")
    assert not list(road.settings.evaluations_dir.glob("probing-*.json"))


def test_a_probing_is_found_again_from_its_file_alone(client, road):
    sae = road.row("sae", "road")
    job = post(client, f"/saes/{sae.id}/probings", {"dataset_id": "moods", "config": {"labels": LABELS}})
    road.work("extraction")
    [found] = get(client, f"/saes/{sae.id}/probings")
    path = road.settings.evaluations_dir / f"{found['id']}.json"
    kept = path.read_bytes()
    path.unlink()
    road.index_store()
    assert get(client, f"/saes/{sae.id}/probings") == []
    path.write_bytes(kept)
    road.index_store()
    [again] = get(client, f"/saes/{sae.id}/probings")
    assert again == {**found, "job_id": None}
    assert job["id"]


@pytest.mark.parametrize(
    ("wanted", "status", "words"),
    [
        ({"dataset_id": "moods"}, 422, "No label is named"),
        ({"dataset_id": "moods", "config": {"labels": {"label": "mood", "ks": [65]}}}, 422, "64 latents"),
        ({"dataset_id": "nothing", "config": {"labels": LABELS}}, 404, "no dataset"),
        ({"model_id": "nothing"}, 404, "no model"),
    ],
)
def test_a_probing_that_cannot_work_is_refused_before_it_is_a_job(client, road, wanted, status, words):
    answer = client.post(f"/saes/{road.row('sae', 'road').id}/probings", json=wanted)
    assert answer.status_code == status, answer.text
    assert words in answer.text
    assert get(client, "/jobs") == []


def test_a_label_that_no_document_has_fails_with_the_labels_that_there_are(client, road):
    sae = road.row("sae", "road")
    wanted = {"dataset_id": "moods", "config": {"labels": {**LABELS, "label": "colour"}}}
    job = post(client, f"/saes/{sae.id}/probings", wanted)
    road.work("extraction")
    error = get(client, f"/jobs/{job['id']}")["error"]
    assert "colour" in error["message"]
    assert "mood" in error["remedy"]


def test_spelling_is_estimated_without_documents_and_a_probing_of_another_sae_is_not_found(client, road):
    sae, model = road.row("sae", "road"), road.row("model", "tiny")
    body = {"kind": "probe", "sae_id": sae.id, "model_id": model.id}
    estimated = client.post("/jobs/estimate", json=body).json()["data"]
    assert (estimated["kind"], estimated["facts"]["samples"]) == ("probe", 6000)
    assert {"model", "SAE", "samples"} <= {part["name"] for part in estimated["memory"]}
    assert client.get(f"/saes/{sae.id}/probings/nothing").status_code == 404


def test_an_sae_is_compared_with_another_by_its_name(client, road):
    sae, other = road.row("sae", "road"), road.row("sae", "another-seed")
    config = {"max_tokens": 256, "splice_contexts": 0}
    job = post(client, f"/saes/{sae.id}/evaluations", {"against_id": "another-seed", "config": config})
    assert job["request"]["against_id"] == other.id
    refused = client.delete(f"/saes/{other.id}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "NotAllowedNow")
    road.work("extraction")
    [found] = get(client, f"/saes/{sae.id}/evaluations")
    assert found["against"] == {"id": other.id, "name": "another-seed"}
    assert {"stability_cosine", "stability_mcc"} <= {each["name"] for each in found["numbers"]}
    assert found["decoder_cosines"]["levels"][3] == 0.5
    client.delete(f"/saes/{other.id}", params={"force": True})
    road.work("analysis")
    [left] = get(client, f"/saes/{sae.id}/evaluations")
    assert left == {**found, "against": None}


def test_an_sae_is_not_compared_with_itself(client, road):
    sae = road.row("sae", "road")
    answer = client.post(f"/saes/{sae.id}/evaluations", json={"against_id": sae.id})
    assert answer.status_code == 422
    assert "with itself" in answer.json()["error"]["message"]
