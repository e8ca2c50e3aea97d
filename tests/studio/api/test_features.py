"""Features over HTTP: sets, the table, the page, passages, what people say, and a tried text."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from mistudio.features.config import ContextConfig
from mistudio.features.pages import Features
from mistudio.studio.db.artifacts import FeatureSet
from mistudio.studio.db.indexing import index_store
from mistudio.studio.db.session import Database
from mistudio.studio.settings import Settings
from tests.studio.conftest import a_database
from tests.studio.engine.conftest import EngineProcess
from tests.studio.made_up_features import in_session, make_features, row_of, with_database
from tests.studio.serving import serving
from tests.studio.small_store import write_store


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def artifact(home):
    return Features.open(make_features(home))


@pytest.fixture(scope="module")
def studio(postgres_url, home, artifact):
    """A studio whose feature set nobody has looked at yet."""
    with a_database(postgres_url) as url:
        made = Settings(home=home, DATABASE_URL=url)

        async def add(session):
            session.add(row_of(artifact.artifact.path))

        in_session(made, add)
        yield made


@pytest.fixture(scope="module")
def api(studio):
    with (
        serving(studio) as url,
        httpx.Client(base_url=f"{url}/api/v1/feature-sets", timeout=30, follow_redirects=True) as client,
    ):
        yield client


def get(api, path, **query):
    answer = api.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_sets_are_listed_and_found_by_name(api, artifact):
    [one] = get(api, "")["data"]
    assert (one["name"], one["sae"], one["latents"]) == ("found", None, len(artifact))
    assert get(api, "/found")["data"]["id"] == one["id"]
    assert get(api, "", search="nothing")["data"] == []
    assert get(api, "", sae_id="another")["pagination"]["total"] == 0


def test_a_set_tells_how_its_latents_are_spread(api, artifact):
    detail = get(api, "/found")["data"]
    histogram = detail["log_density"]
    assert sum(histogram["counts"]) == detail["alive"] == int(artifact.statistics.alive.sum())
    assert len(histogram["edges"]) == len(histogram["counts"]) + 1
    assert histogram["edges"][-1] <= 0
    assert detail["max_activation"] == pytest.approx(artifact.statistics.max.max(), rel=1e-5)
    assert "final LlamaRMSNorm" in detail["lens"]
    assert detail["excluded"]


def test_the_first_look_loads_the_table(api, studio):
    assert get(api, "/found/features", limit=1)["data"]
    row = in_session(studio, lambda session: session.get(FeatureSet, get(api, "/found")["data"]["id"]))
    assert row.loaded


def test_the_table_is_filtered_sorted_and_paged(api, artifact):
    first = get(api, "/found/features", sortBy="mean", order="asc", alive=True, limit=20, page=2)
    numbers = artifact.statistics
    alive = [latent for latent in range(len(artifact)) if numbers.count[latent]]
    in_order = sorted(alive, key=lambda latent: (float(f"{numbers.mean[latent]:.7g}"), latent))
    assert {row["latent"] for row in first["data"]} <= set(alive)
    assert first["pagination"] == {
        "page": 2, "limit": 20, "total": len(alive), "estimated": False, "has_next": len(alive) > 40,
    }  # fmt: skip
    means = [row["mean"] for row in first["data"]]
    assert means == sorted(means)
    assert means[0] == pytest.approx(numbers.mean[in_order[20]], rel=1e-5)
    row = first["data"][0]
    assert row["density"] == numbers.density[row["latent"]]
    assert row["top_tokens"] == [artifact.pieces([i])[0] for i in artifact.rows.row(row["latent"]).top_tokens]


def test_without_a_word_on_order_what_suits_a_first_look_comes_first(api, artifact):
    rows = get(api, "/found/features", limit=300)["data"]
    found = [row["interest"] for row in rows]
    assert found == sorted(found, reverse=True)
    assert found == pytest.approx(artifact.interest[[row["latent"] for row in rows]], rel=1e-5)


@pytest.mark.parametrize(
    "query", [{"sortBy": "nothing"}, {"min_density": -1}, {"min_density": 2}, {"min_max": "nan"}, {"limit": 0}]
)
def test_a_filter_that_cannot_be_is_refused(api, query):
    assert api.get("/found/features", params=query).status_code == 422


@pytest.mark.parametrize("query", [{"min_max": 1e300}, {"min_density": 1.0}, {"search": "\x00' & |"}, {"page": 10**6}])
def test_an_odd_filter_is_answered(api, query):
    assert get(api, "/found/features", **query)["pagination"]["has_next"] is False


def test_a_page_has_the_artifacts_numbers_with_definitions(api, artifact):
    latent = artifact.interesting(1)[0]
    page, found = get(api, f"/found/features/{latent}")["data"], artifact.latent(latent)
    numbers = {each["name"]: each for each in page["statistics"]}
    assert numbers["density"]["value"] == found.statistics.density
    assert numbers["count"]["value"] == found.statistics.count
    assert 10 ** numbers["log_density"]["value"] == pytest.approx(found.statistics.density)
    assert all(each["definition"].endswith(".") and each["unit"] for each in numbers.values())
    assert page["histogram"]["counts"] == found.histogram.counts.tolist()
    assert sum(page["histogram"]["counts"]) == found.statistics.count
    promoted = [artifact.pieces([each.token_id])[0] for each in found.promoted]
    assert [each["text"] for each in page["lens"]["promoted"]] == promoted
    assert page["steering"]["strength"] > 0
    assert page["steering"]["max_activation"] == pytest.approx(found.statistics.max, rel=1e-5)
    assert page["permalink"] == f"/features/{page['feature_set']['id']}/{latent}"
    assert page["lens"] == get(api, f"/found/features/{latent}/logit-lens")["data"]


def test_a_dead_latent_has_a_page_without_what_it_does_not_have(api, artifact):
    dead = int((artifact.statistics.count == 0).nonzero()[0][0])
    page = get(api, f"/found/features/{dead}")["data"]
    assert {each["name"] for each in page["statistics"]} == {"density", "count"}
    assert page["steering"]["strength"] is None
    assert page["feature"]["top_tokens"] == []
    assert get(api, f"/found/features/{dead}/examples")["data"]["groups"] == []


def test_neighbours_follow_the_table_as_it_was_left(api):
    query = {"sortBy": "density", "order": "asc", "alive": True}
    order = [row["latent"] for row in get(api, "/found/features", limit=300, **query)["data"]]
    for i in (0, 7, len(order) - 1):
        around = get(api, f"/found/features/{order[i]}", **query)["data"]["neighbours"]
        assert around["previous"] == (order[i - 1] if i else None)
        assert around["next"] == (order[i + 1] if i + 1 < len(order) else None)


def test_passages_come_whole_and_say_how_to_cut_them(api, artifact):
    latent = artifact.interesting(1)[0]
    shown = get(api, f"/found/features/{latent}/examples")["data"]
    widths = {each["name"]: each["reach"] for each in shown["widths"]}
    assert widths == {"stacked": 5, "snippet": 16, "full": None}
    expected = artifact.contexts(latent, ContextConfig(window=widths["snippet"]))
    assert [group["name"] for group in shown["groups"]] == [group.name for group in expected]
    for group, other in zip(shown["groups"], expected, strict=True):
        assert group["passages"] == other.passages
        assert 0 < group["share"] <= 1
        for passage, context in zip(group["contexts"], other.contexts, strict=True):
            cut = slice(max(0, passage["peak"] - 16), passage["peak"] + 17)
            assert len(passage["tokens"]) == len(passage["activations"]) > passage["peak"]
            assert passage["activations"][cut] == pytest.approx(context.activations, rel=1e-4)
            assert passage["document"] == context.document_name
            assert passage["activations"][passage["peak"]] <= shown["max"] * 1.001
            assert "".join(passage["tokens"][cut]).strip("\N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize("path", ["/features/999", "/features/999/examples", "/features/999/logit-lens"])
def test_a_latent_that_there_is_not_is_not_found(api, path):
    answer = api.get(f"/found{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NotFound")
    assert "0 to 299" in answer.json()["error"]["details"]["remedy"]


@pytest.mark.parametrize("path", ["", "/features", "/features/1", "/features/1/examples", "/features/1/logit-lens"])
def test_a_set_that_there_is_not_is_not_found(api, path):
    assert api.get(f"/gone{path}").status_code == 404


@pytest.mark.parametrize("latent", [-1, 2**31, 10**30, "x"])
def test_what_is_no_latent_at_all_is_refused(api, latent):
    assert api.get(f"/found/features/{latent}").status_code == 422


def test_what_is_said_of_a_feature_is_kept_found_and_taken_back(api, studio):
    path = "/found/features/17"
    said = api.patch(path, json={"label": "marks of the plural", "starred": True}).json()["data"]
    assert (said["label"], said["starred"], said["notes"]) == ("marks of the plural", True, None)
    assert said["updated_at"]
    api.patch(path, json={"notes": "also in über"})
    feature = get(api, path)["data"]["feature"]
    assert (feature["label"], feature["notes"], feature["starred"]) == ("marks of the plural", "also in über", True)
    assert get(api, "/found/features", search="plur")["data"][0]["latent"] == 17
    assert [row["latent"] for row in get(api, "/found/features", starred=True)["data"]] == [17]
    assert [row["latent"] for row in get(api, "/found/features", labelled=True, sortBy="label")["data"]] == [17]
    detail = get(api, "/found")["data"]
    assert (detail["labelled"], detail["starred"]) == (1, 1)
    journal = (studio.annotations_dir / f"{detail['id']}.jsonl").read_text().splitlines()
    assert [json.loads(line)["latent"] for line in journal] == [17, 17]
    api.patch(path, json={"label": None, "starred": False, "notes": None})
    assert get(api, "/found/features", labelled=True)["data"] == []


@pytest.mark.parametrize(
    "change", [{"label": "x" * 501}, {"starred": "perhaps"}, {"density": 1.0}, {"starred": None}, []]
)
def test_a_change_that_cannot_be_is_refused(api, change):
    assert api.patch("/found/features/1", json=change).status_code == 422


def test_a_label_that_cannot_be_stored_is_refused_and_not_half_written(api, studio):
    answer = api.patch("/found/features/2", json={"label": "nul\x00nul"})
    assert answer.status_code == 422
    assert get(api, "/found/features/2")["data"]["feature"]["label"] is None
    assert not any("u0000" in path.read_text() for path in studio.annotations_dir.glob("*.jsonl"))


def test_an_empty_change_changes_nothing(api):
    before = get(api, "/found/features/3")["data"]["feature"]
    assert api.patch("/found/features/3", json={}).json()["data"] == before


def test_trying_a_text_without_its_model_says_what_is_missing(api):
    answer = api.post("/found/features/1/test", json={"text": "the cat"})
    assert answer.status_code == 409
    assert "not here any more" in answer.json()["error"]["message"]


def test_an_artifact_that_is_gone_is_said(postgres_url, tmp_path):
    path = make_features(tmp_path)
    with a_database(postgres_url) as url:
        settings = Settings(home=tmp_path, DATABASE_URL=url)

        async def add(session):
            session.add(row_of(path))

        in_session(settings, add)
        path.rename(tmp_path / "elsewhere")
        with (
            serving(settings) as url,
            httpx.Client(base_url=f"{url}/api/v1/feature-sets", follow_redirects=True) as client,
        ):
            for rest in ("", "/features", "/features/1/examples"):
                answer = client.get(f"/found{rest}")
                assert answer.status_code == 404, answer.text[:2000]


# ── with a model and an SAE ──────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def road(postgres_url, tmp_path_factory):
    """A studio whose store has one thing of every kind."""
    home = tmp_path_factory.mktemp("road") / "home"
    write_store(home)
    with a_database(postgres_url) as url:
        made = Settings(home=home, DATABASE_URL=url)

        async def index(database: Database):
            await index_store(database, made.store, made.evaluations_dir)

        with_database(made, index)
        with serving(made) as address, httpx.Client(base_url=f"{address}/api/v1", timeout=60) as client:
            yield made, client


def test_a_set_names_what_it_was_made_of(road):
    [one] = get(road[1], "/feature-sets")["data"]
    assert (one["sae"]["name"], one["model"]["name"], one["tokenization"]["name"]) == ("road", "tiny", "letters-tiny")


def test_finding_is_asked_for_and_named_after_the_sae(road):
    _, client = road
    found = {"sae_id": "road", "model_id": "tiny", "tokenization_id": "letters-tiny", "recording_ids": ["road"]}
    job = client.post("/feature-sets", json=found)
    assert job.status_code == 202, job.text
    request = job.json()["data"]["job"]["request"]
    assert request["name"] == "road-2"
    assert request["sae_id"].startswith("sae-")
    estimate = client.post("/jobs/estimate", json={"kind": "find", **found}).json()["data"]
    assert estimate["disk_bytes"] > 0
    client.post(f"/jobs/{job.json()['data']['job_id']}/cancel")


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"sae_id": "gone"}, 404, "no sae"),
        ({"recording_ids": ["gone"]}, 404, "no recording"),
        ({"name": "road"}, 409, "already"),
        ({"config": {"logits": -1}}, 422, "logits"),
    ],
)
def test_finding_that_cannot_work_is_refused_at_once(road, change, status, words):
    wanted = {"sae_id": "road", "model_id": "tiny", "tokenization_id": "letters-tiny"} | change
    answer = road[1].post("/feature-sets", json=wanted)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]["message"]


def test_a_text_is_tried_on_a_latent(road):
    settings, client = road
    rows = get(client, "/feature-sets/road/features", alive=True, sortBy="density", limit=8)["data"]
    folder = Path(settings.engine_address.removeprefix("unix:")).parent
    folder.mkdir(parents=True, exist_ok=True)
    engine = EngineProcess(settings.home, folder)
    try:
        text, largest = "Letter 7: the people 🦊 of the nation", []
        for row in rows:
            path = f"/feature-sets/road/features/{row['latent']}/test"
            tried = client.post(path, json={"text": text}).json()["data"]
            assert "".join(token["text"] for token in tried["tokens"]) == text
            assert tried["max"] == max(token["activation"] for token in tried["tokens"])
            assert tried["max_activation"] == row["max"]
            largest.append(tried["max"])
        assert any(largest)
        assert client.post(path, json={"text": ""}).status_code == 422
        assert client.post("/feature-sets/road/features/999/test", json={"text": "x"}).status_code == 404
    finally:
        engine.kill()


def test_trying_a_text_without_an_engine_says_so(road):
    answer = road[1].post("/feature-sets/road/features/1/test", json={"text": "the cat"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "EngineUnavailable")
    assert "mistudio up" in answer.json()["error"]["details"]["remedy"]


def test_deleting_a_set_is_asked_for(road):
    _, client = road
    job = client.delete("/feature-sets/road")
    assert job.status_code == 202
    assert job.json()["data"]["job"]["request"]["entity"] == "feature_set"
    client.post(f"/jobs/{job.json()['data']['job_id']}/cancel")


def test_two_processes_that_are_asked_at_once_load_the_table_once(postgres_url, home, artifact):
    with a_database(postgres_url) as url:
        settings = Settings(home=home, DATABASE_URL=url)

        async def add(session):
            session.add(row_of(artifact.artifact.path))

        in_session(settings, add)
        with serving(settings) as one, serving(settings) as other:
            path = "/api/v1/feature-sets/found/features"
            # FastAPI builds its routes at the first request, and pydantic's schemas bear one thread at a time.
            for base in (one, other):
                assert httpx.get(f"{base}{path.replace('found', 'none')}", timeout=30).status_code == 404

            async def ask():
                async with httpx.AsyncClient(timeout=30) as client:
                    return await asyncio.gather(*(client.get(f"{base}{path}") for base in (one, other) * 4))

            answers = asyncio.run(ask())
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.json()["pagination"]["total"] for answer in answers} == {300}
