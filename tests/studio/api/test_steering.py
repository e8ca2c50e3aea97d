"""Steering over HTTP: a real server, a real engine, and clients that hang up."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from mistudio.activations.config import StreamConfig
from mistudio.activations.stream import ModelSource
from mistudio.artifacts.manifest import open_artifact
from mistudio.corpora.tokens import Tokens
from mistudio.features.find import find
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.loading import load_model
from mistudio.sae.native_file import load_sae
from mistudio.studio.db.features_load import load_missing
from mistudio.studio.db.indexing import index_store
from mistudio.studio.db.session import Database
from mistudio.studio.settings import Settings
from tests.studio.conftest import a_database
from tests.studio.engine.conftest import EngineProcess, home, write_sae  # noqa: F401
from tests.studio.serving import serving

PROMPTS = ["the people", "the law of the state shall be held 🎉, and"]


@pytest.fixture(scope="module")
def steerable(home: Path, postgres_url: str) -> Iterator[Settings]:  # noqa: F811
    """A studio whose store has a model, an SAE and its features."""
    with a_database(postgres_url) as url:
        settings = Settings(home=home, DATABASE_URL=url)
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        write_sae(home / "saes" / "another", seed=3)
        _find(home, "ours")

        async def index() -> None:
            database = Database(url)
            await index_store(database, settings.store, settings.evaluations_dir)
            await load_missing(database, settings.annotations_dir)
            await database.close()

        asyncio.run(index())
        yield settings


def _find(home: Path, name: str) -> None:  # noqa: F811
    sae, lm = home / "saes" / "sae", load_model(ModelConfig(source=str(home / "models" / "tiny"), device="cpu"))
    tokens = Tokens.open(home / "made" / "tokens")
    source = ModelSource(lm, tokens, "resid_post.1", StreamConfig(batch_contexts=3))
    find(load_sae(sae), source, tokens, lm, home / "features" / name, sae_artifact=open_artifact(sae))


@contextmanager
def an_engine(settings: Settings) -> Iterator[EngineProcess]:
    process = EngineProcess(settings.home, Path(settings.engine_address.removeprefix("unix:")).parent)
    yield process
    process.kill()
    assert "Traceback" not in process.log


@contextmanager
def an_api(settings: Settings) -> Iterator[httpx.Client]:
    with serving(settings) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def api(steerable: Settings) -> Iterator[httpx.Client]:
    with an_engine(steerable), an_api(steerable) as client:
        yield client


def request(**changes: Any) -> dict[str, Any]:
    base = {
        "feature_set_id": "ours",
        "prompts": PROMPTS,
        "variants": [
            {"name": "more", "edits": [{"latent": 5, "strength": 2.0}]},
            {"edits": [{"latent": 9, "mode": "clamp", "strength": 2.0}, {"latent": 30, "strength": -1.0}]},
        ],
        "generate": {"max_new_tokens": 12},
    }
    return {name: value for name, value in (base | changes).items() if value is not None}


def events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    name = None
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            event = json.loads(line.removeprefix("data: "))
            assert event["type"] == name
            yield event


# These two come first: the module's engine has the address afterwards.


def test_without_an_engine_the_answer_is_503_and_says_how_to_get_one(steerable: Settings) -> None:
    with an_api(steerable) as api:
        for path in ("/steering/compare", "/steering/generate"):
            answer = api.post(path, json=request())
            assert answer.status_code == 503
            error = answer.json()["error"]
            assert error["code"] == "EngineUnavailable"
            assert error["retryable"] is True
            assert "mistudio up" in error["details"]["remedy"]


def test_an_engine_that_dies_while_it_writes_ends_the_stream_with_an_error(steerable: Settings) -> None:
    long = request(generate={"max_new_tokens": 2000})
    with an_engine(steerable) as engine, an_api(steerable) as api:
        told = []
        with api.stream("POST", "/steering/generate", json=long) as response:
            for event in events(response):
                told.append(event)
                if event["type"] == "tokens" and engine.process.poll() is None:
                    engine.kill()
    assert told[-1]["type"] == "error"
    assert told[-1]["error"]["code"] == "EngineUnavailable"


def test_texts_come_token_by_token_and_are_in_the_end_what_the_pieces_said(api: httpx.Client) -> None:
    with api.stream("POST", "/steering/generate", json=request()) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        told = list(events(response))
    kinds = [event["type"] for event in told]
    assert [kind for kind in kinds if kind != "tokens"] == ["loading", "loading", "start", "done"]
    assert {event["entity"]: event["name"] for event in told[:2]} == {"model": "tiny", "sae": "sae"}
    start, result = told[2], told[-1]["result"]
    assert [column["name"] for column in start["columns"]] == ["As it is", "more", "Variant 2"]
    assert kinds.count("tokens") >= 12
    joined: dict[tuple[int, int], str] = {}
    for event in told:
        for piece in event.get("pieces", ()):
            key = piece["prompt"], piece["column"]
            joined[key] = joined.get(key, "") + ("" if piece["special"] else piece["text"])
    assert joined == {(text["prompt"], text["column"]): text["text"] for text in result["texts"]}
    assert len(joined) == 6


def test_a_comparison_says_what_was_done_to_how_many_tokens(api: httpx.Client) -> None:
    answer = api.post("/steering/compare", json=request())
    assert answer.status_code == 200, answer.text
    result = answer.json()["data"]
    assert result["columns"][0]["edits"] == []
    assert result["max_activation"].keys() == {"5", "9", "30"}
    for text in result["texts"]:
        prompt_tokens = result["prompt_tokens"][text["prompt"]]
        if text["column"] == 0:
            assert text["tokens_edited"] == 0
            assert all(reading["text"] == reading["steered"] for reading in text["readings"])
        else:  # All but BOS and the last token written.
            assert text["tokens_edited"] == prompt_tokens - 1 + text["tokens"] - 1
    steered = next(text for text in result["texts"] if text["column"] == 1)
    assert {reading["latent"] for reading in steered["readings"]} == {5, 9, 30}
    assert result["tokens_per_second"] > 0


def test_stream_and_answer_say_the_same(api: httpx.Client) -> None:
    with api.stream("POST", "/steering/generate", json=request()) as response:
        streamed = list(events(response))[-1]["result"]
    answered = api.post("/steering/compare", json=request()).json()["data"]
    timeless = {"seconds", "tokens_per_second"}
    assert {k: v for k, v in streamed.items() if k not in timeless} == {
        k: v for k, v in answered.items() if k not in timeless
    }


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"feature_set_id": "nothing"}, 404, "There is no feature set 'nothing'"),
        ({"sae_id": "nothing"}, 404, "There is no SAE 'nothing'"),
        ({"sae_id": "another"}, 422, "has the features of another SAE than another"),
        ({"model_id": "nothing"}, 404, "There is no model 'nothing'"),
        ({"model_id": "other"}, 422, "was trained on"),
        ({"variants": None, "edits": [{"latent": 96, "strength": 1}]}, 404, "There is no latent 96"),
        ({"variants": None}, 422, "give edits, or variants"),
        ({"edits": [{"latent": 1, "strength": 1}]}, 422, "and not both"),
        ({"prompts": []}, 422, "prompts"),
        ({"prompts": ["a"] * 9}, 422, "prompts"),
        ({"variants": [{"edits": [{"latent": 1, "strength": 1}]}] * 9}, 422, "variants"),
        ({"variants": [{"edits": [{"latent": 1, "strength": 1}] * 2}]}, 422, "latent 1 is edited twice"),
        ({"generate": {"max_new_tokens": 5000}}, 422, "at most 2,048"),
        ({"prompts": ["word " * 15_000]}, 422, "tokens"),
    ],
)
@pytest.mark.parametrize("path", ["/steering/compare", "/steering/generate"])
def test_what_cannot_be_steered_is_refused_in_a_sentence_with_a_remedy(
    api: httpx.Client, path: str, changes: dict[str, Any], status: int, words: str
) -> None:
    with api.stream("POST", path, json=request(**changes)) as response:
        body = response.read().decode()
    if response.status_code == 200:  # Known only after the model was loaded.
        error = json.loads(body.rstrip().rpartition("data: ")[2])["error"]
    else:
        assert response.status_code == status, body
        error = json.loads(body)["error"]
    assert words in error["message"]
    assert error["details"]["remedy"]
    assert error["retryable"] is False


@pytest.mark.parametrize("path", ["/steering/generate", "/steering/compare"])
def test_a_client_that_hangs_up_stops_the_writing(api: httpx.Client, path: str) -> None:
    api.post("/steering/compare", json=request())  # The model is loaded.
    long = request(generate={"max_new_tokens": 2000})

    async def hang_up() -> None:
        async with httpx.AsyncClient(base_url=api.base_url, timeout=60) as client:
            writing = asyncio.create_task(client.post(path, json=long))
            while (await client.get("/engine")).json()["data"]["running"] == 0:
                assert not writing.done(), writing.result().text[:2000]
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    asyncio.run(hang_up())
    hung_up = time.monotonic()
    _until(lambda: _engine(api)["running"] == 0)
    assert time.monotonic() - hung_up < 2.0  # 2,000 tokens take far longer.


def _engine(api: httpx.Client) -> dict[str, Any]:
    content: dict[str, Any] = api.get("/engine").json()["data"]
    return content


def _until(holds: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_second_client_is_told_that_it_waits(api: httpx.Client) -> None:
    api.post("/steering/compare", json=request())
    with api.stream("POST", "/steering/generate", json=request(generate={"max_new_tokens": 1500})) as first:
        busy = events(first)
        assert any(event["type"] == "tokens" for event in busy)
        with (
            httpx.Client(base_url=api.base_url, timeout=60) as other,
            other.stream("POST", "/steering/generate", json=request()) as second,
        ):
            told = events(second)
            assert next(told) == {"type": "waiting", "ahead": 1}
            first.close()
            assert [event["type"] for event in told][-1] == "done"


def test_suggested_strengths_come_with_their_reason(api: httpx.Client) -> None:
    of_latent = {"feature_set_id": "ours", "latent": 5}
    answer = api.get("/steering/suggestion", params=of_latent)
    assert answer.status_code == 200, answer.text
    suggestion = answer.json()["data"]
    assert 0 < suggestion["subtle"] < suggestion["moderate"] < suggestion["strong"]
    compared = api.post("/steering/compare", json=request()).json()["data"]
    assert suggestion["max_activation"] == pytest.approx(compared["max_activation"]["5"], rel=1e-6)
    assert suggestion["reason"].endswith(".")
    assert api.get("/steering/suggestion", params=of_latent | {"latent": 96}).status_code == 404
    assert api.get("/steering/suggestion", params=of_latent | {"feature_set_id": "nothing"}).status_code == 404


def test_the_engine_loads_ahead_tells_what_it_holds_and_gives_it_back(api: httpx.Client) -> None:
    api.post("/engine/unload", json={})
    assert _engine(api)["loaded"] == []
    loaded = api.post("/engine/load", json={"model_id": "tiny", "sae_id": "sae"}).json()["data"]["loaded"]
    assert [(each["entity"], each["name"]) for each in loaded] == [("model", "tiny"), ("sae", "sae")]
    assert all(each["id"] and each["bytes"] > 0 for each in loaded)
    left = api.post("/engine/unload", json={"sae_id": "sae"}).json()["data"]["loaded"]
    assert [each["name"] for each in left] == ["tiny"]
    assert api.post("/engine/load", json={"model_id": "nothing"}).status_code == 404
    assert api.post("/engine/unload", json={}).json()["data"]["loaded"] == []
