"""The store over HTTP: look at it again, and find anything in it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from mistudio.artifacts.manifest import open_artifact
from mistudio.evaluation.result import keep_evaluation
from mistudio.studio.db import artifacts, evaluations, events, feature_journal
from mistudio.studio.db.session import Database
from mistudio.studio.http.store_index import keep_looking, stamps
from mistudio.studio.settings import Settings
from tests.studio import workshop as shop
from tests.studio.small_store import copy_store
from tests.studio.workshop import Workshop

workshop = shop.workshop


@pytest.fixture
def store(settings: Settings, small_store: Path) -> Settings:
    """A home in which the command line made one thing of every kind; the database does not know them."""
    copy_store(small_store, settings.home)
    return settings


def ok(response: httpx.Response, status: int = 200) -> Any:
    """What was answered."""
    assert response.status_code == status, response.text
    return response.json()["data"]


def find(client: httpx.Client, text: str, **more: int) -> dict[str, dict[str, Any]]:
    """What is called so, by entity."""
    return {hit["entity"]: hit for hit in ok(client.get("/search", params={"search": text, **more}))}


def test_what_the_command_line_made_appears_when_the_store_is_looked_at(
    client: httpx.Client, store: Settings, workshop: Workshop
) -> None:
    ok(client.post("/store/index"))  # The studio may have done it already, when it started.
    for address in ("datasets", "models", "tokenizations", "recordings", "saes", "feature-sets", "trainings"):
        assert len(ok(client.get(f"/{address}"))) == 1, address
    again = ok(client.post("/store/index"))
    assert again["found"] == {
        "model": 1, "dataset": 1, "tokenization": 1, "recording": 1, "sae": 1, "feature_set": 1, "evaluation": 0,
    }  # fmt: skip
    assert (again["added"], again["changed"], again["removed"], again["broken"]) == (0, 0, 0, [])
    features = ok(client.get("/feature-sets/road/features", params={"limit": 5}))
    assert len(features) == 5
    told = workshop.portal.run(lambda session: events.since(session, "store", 0))
    assert {event.payload["entity"] for event in told} >= {"dataset", "model", "sae", "feature_set"}


def test_what_the_command_line_makes_while_the_studio_runs_appears_by_itself(
    settings: Settings, small_store: Path, workshop: Workshop
) -> None:
    async def watch() -> tuple[list[str], list[str]]:
        database = Database(str(settings.database_url))
        before = stamps(settings)
        copy_store(small_store, settings.home)
        sae, text = (open_artifact(settings.home / each).manifest.id for each in ("saes/road", "tokens/letters-tiny"))
        keep_evaluation({"fvu": 0.5}, settings.home, sae, text, "evaluation-1")
        watching = asyncio.create_task(keep_looking(settings, database, before, every=0.05))
        try:
            async with asyncio.timeout(20):
                found: list[str] = []
                while not found:
                    await asyncio.sleep(0.05)
                    async with database.session() as session:
                        found = [row.id for row in await evaluations.of_sae(session, sae)]
            async with database.session() as session:
                rows, _ = await artifacts.page(session, "feature_set")
                return found, [row.name for row in rows]
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await database.close()

    assert asyncio.run(watch()) == (["evaluation-1"], ["road"])


def test_what_is_broken_is_named_and_what_is_left_over_is_removed(client: httpx.Client, store: Settings) -> None:
    ok(client.post("/store/index"))
    (store.home / "saes" / "road" / "cfg.json").unlink()
    shutil.copytree(store.home / "corpora" / "letters", store.home / "corpora" / ".corpus-1.deleted")
    report = ok(client.post("/store/index"))
    assert [Path(each["path"]).name for each in report["broken"]] == ["road"]
    assert "cfg.json is missing" in report["broken"][0]["message"]
    assert not (store.home / "corpora" / ".corpus-1.deleted").exists()


def test_what_is_gone_disappears(client: httpx.Client, store: Settings) -> None:
    ok(client.post("/store/index"))
    shutil.rmtree(store.home / "corpora" / "letters")
    assert ok(client.post("/store/index"))["removed"] == 1
    assert ok(client.get("/datasets")) == []
    assert ok(client.get("/tokenizations/letters-tiny"))["dataset"] is None


def test_everything_is_found_by_a_part_of_its_name(client: httpx.Client, store: Settings, workshop: Workshop) -> None:
    ok(client.post("/store/index"))
    found = find(client, "ETTER")
    dataset, tokens = ok(client.get("/datasets/letters")), ok(client.get("/tokenizations/letters-tiny"))
    assert set(found) == {"dataset", "tokenization"}
    assert found["dataset"] == {
        "entity": "dataset", "id": dataset["id"], "name": "letters", "detail": "60 documents",
        "url": f"/datasets/{dataset['id']}",
    }  # fmt: skip
    assert found["tokenization"]["url"] == f"/datasets/{dataset['id']}?tokenization={tokens['id']}"
    road = find(client, "road")
    assert set(road) == {"recording", "sae", "training", "feature_set"}
    assert road["sae"]["detail"].endswith("resid_post.1")
    assert find(client, "tiny")["model"]["url"] == f"/models/{ok(client.get('/models/tiny'))['id']}"
    job = ok(client.post("/datasets", json={"name": "new", "config": {"sources": ["owner/name"]}}), 202)["job"]
    assert find(client, "add data set new")["job"]["url"] == f"/jobs/{job['id']}"


def test_labels_of_features_are_found(client: httpx.Client, store: Settings, workshop: Workshop) -> None:
    ok(client.post("/store/index"))
    features = workshop.row("feature_set", "road")
    workshop.portal.run(
        lambda session: feature_journal.annotate(
            session, store.annotations_dir, features.id, 3, {"label": "free_people 漢字 100%"}
        )
    )
    for text in ("free_", "漢字", "100%"):
        assert find(client, text)["feature"] == {
            "entity": "feature", "id": f"{features.id}/3", "name": "free_people 漢字 100%",
            "detail": "latent 3 of road", "url": f"/features/{features.id}/3",
        }  # fmt: skip
    assert find(client, "free%") == {}


def test_a_search_gives_few_of_each_and_those_first_that_begin_so(client: httpx.Client, workshop: Workshop) -> None:
    for name in ("my-text", *(f"text-{number}" for number in range(8))):
        ok(client.post("/datasets", json={"name": name, "config": {"sources": ["owner/name"]}}), 202)
    hits = ok(client.get("/search", params={"search": "add data set text", "limit": 3}))
    assert [hit["name"] for hit in hits] == [f"Add data set text-{number}" for number in (7, 6, 5)]
    assert len(ok(client.get("/search", params={"search": "text"}))) == 5
    assert len(ok(client.get("/search", params={"search": "text", "limit": 50}))) == 9


@pytest.mark.parametrize("text", ["%", "_", "\\", "'; DROP TABLE jobs; --", "🦊", "\x00", "a" * 200])
def test_no_text_breaks_the_search(client: httpx.Client, text: str) -> None:
    response = client.get("/search", params={"search": text})
    assert response.status_code in (200, 422), response.text
    assert response.json().get("data", []) == []


def test_a_search_for_nothing_is_refused(client: httpx.Client) -> None:
    for params in ({}, {"search": ""}, {"search": "a" * 201}, {"search": "a", "limit": 0}):
        assert client.get("/search", params=params).status_code == 422
