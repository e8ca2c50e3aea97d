"""SAEs, their evaluations, recordings and the road over HTTP, on artifacts that the library made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from mistudio.activations.config import TraceConfig
from mistudio.activations.record import trace
from mistudio.activations.stream import RecordedSource
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.store import LocalStore
from mistudio.corpora.config import CorpusConfig, TokenizeConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.corpora.tokenize import tokenize
from mistudio.corpora.tokens import Tokens
from mistudio.evaluation.config import EvaluateConfig
from mistudio.evaluation.evaluate import evaluate
from mistudio.language_models.loading import load_model, save_model
from mistudio.sae.config import TopKConfig
from mistudio.sae.native_file import load_sae
from mistudio.studio.queue.deletion import request_deletion
from mistudio.training.config import TrainConfig
from mistudio.training.train import train
from tests.studio.workshop import Workshop, workshop
from tests.tiny_models import tiny_language_model

__all__ = ["workshop"]

HOOK = "resid_post.1"


@pytest.fixture(scope="module")
def library_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one thing of each kind up to an evaluated SAE, as the command line leaves it."""
    home = tmp_path_factory.mktemp("library")
    store = LocalStore(home)
    model = save_model(tiny_language_model(), store.path(Kind.MODEL, "tiny"))
    (home / "texts").mkdir()
    for number in range(40):
        (home / "texts" / f"{number}.txt").write_text("We the people, in order to train. " * (number + 3))
    corpus = add_corpus(CorpusConfig(sources=(str(home / "texts"),), held_out=0.2), store.path(Kind.CORPUS, "letters"))
    made = tokenize(corpus.path, str(model.path), TokenizeConfig(context_length=32), store.path(Kind.TOKENS, "tokens"))
    lm, tokens = load_model(str(model.path)), Tokens.open(made.path)
    recorded = trace(lm, tokens, TraceConfig(hooks=(HOOK, "mlp_out.2")), store.path(Kind.ACTIVATIONS, "recorded"))
    config = TrainConfig(sae=TopKConfig(k=4, d_sae=64), tokens=20 * 128, batch_size=128, buffer_tokens=1024)
    sae = train(RecordedSource(recorded.path, hook=HOOK), config, store.path(Kind.SAE, "by-hand"))
    result = evaluate(load_sae(sae.path), lm, tokens, EvaluateConfig(max_tokens=512, splice_contexts=4))
    folder = home / "studio" / "evaluations"
    folder.mkdir(parents=True)
    content = {
        "sae_id": sae.manifest.id,
        "tokenization_id": made.manifest.id,
        "created_at": "2026-01-01T00:00:00+00:00",
        "result": result.model_dump(mode="json"),
    }
    (folder / "evaluation-one.json").write_text(json.dumps(content))
    return home


@pytest.fixture
def made(workshop: Workshop, library_home: Path) -> Workshop:
    """A studio that found all that in its home."""
    shutil.copytree(library_home, workshop.settings.home, dirs_exist_ok=True)
    workshop.index_store()
    return workshop


def get(client: httpx.Client, path: str, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_an_sae_says_what_it_is_made_of_and_every_number_says_what_it_means(client, made):
    [sae] = get(client, "/saes")
    assert (sae["model"]["name"], sae["dataset"]["name"], sae["recording"]["name"]) == ("tiny", "letters", "recorded")
    assert (sae["hook"], sae["d_in"], sae["d_sae"], sae["k"]) == (HOOK, 32, 64, 4)
    assert sae["training"]["name"] == "by-hand"
    assert {each["name"] for each in sae["training_numbers"]} == {"fvu", "l0", "dead_share"}
    assert (sae["evaluations"], sae["feature_sets"]) == (1, 0)
    numbers = sae["newest_evaluation"]["numbers"] + sae["training_numbers"]
    assert all(each["unit"] and each["definition"] and each["title"] for each in numbers)

    detail = get(client, f"/saes/{sae['id']}")
    assert {name: detail[name] for name in sae} == sae
    assert detail["config"]["batch_size"] == 128
    assert detail["rule"].startswith(("excluded", "nothing"))
    assert detail["evaluation_list"] == [sae["newest_evaluation"]] == get(client, f"/saes/{sae['id']}/evaluations")


def test_an_evaluation_has_all_that_the_librarys_file_has(client, made):
    [sae] = get(client, "/saes")
    [found] = get(client, f"/saes/{sae['id']}/evaluations")
    result = json.loads((made.settings.evaluations_dir / "evaluation-one.json").read_text())["result"]
    values = {each["name"]: each["value"] for each in found["numbers"]}
    assert values == {name: result[name] for name in values}
    assert {"fvu", "l0", "ce_increase", "kl"} <= set(values)
    assert found["density_histogram"] == result["density_histogram"]
    assert found["density"]["unit"] == "latents/bin"
    assert (found["tokenization"]["name"], found["dataset"]["name"]) == ("tokens", "letters")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"hook": HOOK}, 1),
        ({"hook": "mlp_out.2"}, 0),
        ({"architecture": "topk"}, 1),
        ({"search": "HAND"}, 1),
        ({"search": "nothing"}, 0),
        ({"model_id": "gone"}, 0),
        ({"sortBy": "fvu", "order": "asc"}, 1),
    ],
)
def test_saes_are_filtered_by_what_they_are(client, made, query, found):
    assert len(get(client, "/saes", **query)) == found


def test_an_sae_is_evaluated_on_what_it_was_trained_on_unless_told_otherwise(client, made):
    [sae] = get(client, "/saes")
    answer = client.post(f"/saes/{sae['id']}/evaluations", json={"config": {"max_tokens": 64}})
    assert answer.status_code == 202, answer.text
    request = answer.json()["data"]["job"]["request"]
    assert (request["sae_id"], request["model_id"]) == (sae["id"], sae["model"]["id"])
    assert (request["tokenization_id"], request["config"]["max_tokens"]) == (sae["tokenization"]["id"], 64)
    assert client.post(f"/saes/{sae['id']}/evaluations").status_code == 202
    other = client.post(f"/saes/{sae['id']}/evaluations", json={"tokenization_id": "nothing"})
    assert (other.status_code, other.json()["error"]["code"]) == (404, "NotFound")


def test_an_sae_that_was_trained_on_something_gone_says_what_to_name(client, made):
    [sae] = get(client, "/saes")
    row = made.row("model", sae["model"]["id"])
    made.portal.run(lambda session: request_deletion(session, made.settings, "model", row.id, row.name, force=True))
    made.work("analysis")
    answer = client.post(f"/saes/{sae['id']}/evaluations")
    assert answer.status_code == 422
    assert "the model" in answer.json()["error"]["message"]
    [again] = get(client, "/saes")
    assert (again["model"], again["model_name"]) == (None, sae["model_name"])


def test_a_recording_says_what_it_holds(client, made):
    [recording] = get(client, "/recordings")
    assert [hook["hook"] for hook in recording["hooks"]] == [HOOK, "mlp_out.2"]
    assert all(hook["d"] == 32 and hook["tokens"] > 0 and hook["rule"] for hook in recording["hooks"])
    assert (recording["model"]["name"], recording["dataset"]["name"]) == ("tiny", "letters")
    assert get(client, f"/recordings/{recording['id']}") == recording
    assert get(client, "/recordings", tokenization_id="another") == []
    assert client.get("/recordings/nothing").status_code == 404


def test_a_recording_is_asked_for_with_a_chosen_name(client, made):
    model, tokens = made.row("model", "tiny").id, made.row("tokenization", "tokens").id
    body = {"model_id": model, "tokenization_id": tokens, "config": {"hooks": ["attn_z.0"], "max_tokens": 320}}
    answer = client.post("/recordings", json=body)
    assert answer.status_code == 202, answer.text
    job = answer.json()["data"]["job"]
    assert (job["request"]["name"], job["queue"]) == ("tiny-tokens-attn_z.0", "extraction")
    estimated = client.post("/jobs/estimate", json={"kind": "trace", **body}).json()["data"]
    assert [part["name"] for part in estimated["disk"]] == ["attn_z.0"]
    assert estimated["disk_bytes"] == estimated["facts"]["tokens"] * (32 * 2 + 16)
    assert estimated["seconds"] > 0
    assert "recorded reached" in estimated["seconds_basis"]
    for hooks, status in ((["resid_post.9"], 422), (["nowhere.1"], 422)):
        refused = client.post("/recordings", json={**body, "config": {"hooks": hooks}})
        assert refused.status_code == status, refused.text


def test_a_recording_with_saes_is_deleted_only_by_force(client, made):
    [recording] = get(client, "/recordings")
    refused = client.delete(f"/recordings/{recording['id']}")
    assert refused.status_code == 409
    assert "by-hand" in refused.json()["error"]["message"]
    assert client.delete(f"/recordings/{recording['id']}", params={"force": True}).status_code == 202
    made.work("analysis")
    assert get(client, "/recordings") == []
    [sae] = get(client, "/saes")
    assert (sae["recording"], sae["training"]["name"]) == (None, "by-hand")


def test_the_training_of_an_sae_that_the_command_line_made_is_shown_with_its_curves(client, made):
    [training] = get(client, "/trainings", state="completed")
    assert (training["origin"], training["job"], training["sae"]["name"]) == ("command_line", None, "by-hand")
    assert (training["model"]["name"], training["dataset"]["name"]) == ("tiny", "letters")
    assert [each["name"] for each in training["recordings"]] == ["recorded"]
    assert training["step"] == training["total_steps"] == 20
    assert get(client, f"/trainings/{training['id']}/metrics")["steps"][-1] == 20
    assert get(client, f"/trainings/{training['id']}/checkpoints")["sae"]["name"] == "by-hand"
    refused = client.post(f"/trainings/{training['id']}/retry")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "NotAllowedNow")


def test_every_kind_of_work_can_be_estimated(client, made):
    sae, model, tokens = (
        made.row(*each).id for each in (("sae", "by-hand"), ("model", "tiny"), ("tokenization", "tokens"))
    )
    recording = made.row("recording", "recorded").id
    given = {"sae_id": sae, "model_id": model, "tokenization_id": tokens}
    for request in (
        {"kind": "train", "recording_ids": [recording], "hook": HOOK, "config": {"batch_size": 128}},
        {"kind": "train", "model_id": model, "tokenization_id": tokens, "hook": HOOK, "config": {"batch_size": 128}},
        {"kind": "evaluate", **given},
        {"kind": "find", **given, "recording_ids": [recording]},
        {"kind": "demo"},
        {"kind": "delete", "entity": "sae", "id": sae},
    ):
        answer = client.post("/jobs/estimate", json=request)
        assert answer.status_code == 200, answer.text
        estimated = answer.json()["data"]
        assert estimated["kind"] == request["kind"]
        assert estimated["seconds_basis"]
        assert (estimated["memory_bytes"] > 0) == (request["kind"] != "delete")


def test_the_road_says_what_is_there_and_what_comes_next(client, made):
    road = get(client, "/road")
    assert [step["number"] for step in road["steps"]] == list(range(8))
    counts = {each["entity"]: each["count"] for step in road["steps"] for each in step["counts"]}
    assert counts == {
        **dict.fromkeys(("model", "dataset", "tokenization", "recording", "sae", "evaluation"), 1),
        **dict.fromkeys(("feature_set", "label"), 0),
    }
    assert (road["next"]["key"], road["next"]["name"]) == ("find", "by-hand")
    assert road["demo"] == {"state": None, "job": None, "feature_set": None}
    prepared = road["steps"][0]["counts"]
    assert next(each["newest"]["name"] for each in prepared if each["entity"] == "dataset") == "letters"


def test_an_empty_studio_begins_with_the_demo_and_it_runs_once_at_a_time(client, workshop):
    assert get(client, "/road")["next"]["key"] == "demo"
    answer = client.post("/demo", json={"recorded_tokens": 1000})
    assert answer.status_code == 202, answer.text
    job = answer.json()["data"]["job"]
    assert (job["request"]["config"]["recorded_tokens"], job["queue"]) == (1000, "training")
    again = client.post("/demo")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "NotAllowedNow")
    road = get(client, "/road")
    assert (road["next"]["key"], road["next"]["id"]) == ("watch", job["id"])
    assert road["demo"]["state"] == "queued"
    assert [each["id"] for each in road["steps"][0]["jobs"]] == [job["id"]]
    client.post(f"/jobs/{job['id']}/cancel")
    assert client.post("/demo").status_code == 202
