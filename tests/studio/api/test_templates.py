import asyncio

import pytest

from mistudio.studio.db import presets
from mistudio.studio.db.built_in import TEMPLATES
from mistudio.studio.db.session import Database
from mistudio.training.config import TrainConfig
from tests.studio.serving import serving

GIVEN = {
    "training": {"train": {"tokens": 1000, "sae": {"architecture": "topk", "k": 8}}, "hook": "resid_post.3"},
    "extraction": {"find": {"max_tokens": 1000}, "trace": {"hooks": ["resid_post.3"]}},
    "steering": {"edits": [{"latent": 7, "strength": 1.5}], "prompts": ["a"]},
    "prompt": {"prompts": ["My fellow citizens,"]},
}


def template(kind, **changes):
    return {"kind": kind, "name": f"My {kind}", "config": GIVEN[kind], **changes}


@pytest.mark.parametrize("kind", GIVEN)
def test_a_template_of_each_kind_is_kept_changed_and_removed(client, kind):
    made = client.post("/templates", json=template(kind, description="For tests.", is_favorite=True))
    assert made.status_code == 201
    kept = made.json()["data"]
    assert (kept["kind"], kept["description"], kept["is_favorite"]) == (kind, "For tests.", True)
    address = f"/templates/{kept['id']}"
    assert client.get(address).json()["data"] == kept
    renamed = client.put(address, json=template(kind, name="Renamed")).json()["data"]
    assert (renamed["name"], renamed["is_favorite"], renamed["id"]) == ("Renamed", False, kept["id"])
    assert renamed["updated_at"] > kept["updated_at"]
    assert client.delete(address).json()["data"]["name"] == "Renamed"
    assert client.get(address).status_code == 404


def test_an_answer_spells_out_every_option_and_only_the_given_ones_are_kept(client, settings):
    kept = client.post("/templates", json=template("training")).json()["data"]
    assert kept["config"]["train"] == TrainConfig(**GIVEN["training"]["train"]).model_dump(mode="json")

    async def stored():
        database = Database(str(settings.database_url))
        async with database.session() as session:
            preset = await presets.get(session, kept["id"])
        await database.close()
        return preset.config

    assert asyncio.run(stored()) == GIVEN["training"]


def test_a_name_is_taken_once_in_a_kind(client):
    assert client.post("/templates", json=template("prompt", name="Mine")).status_code == 201
    again = client.post("/templates", json=template("prompt", name="  Mine "))
    assert again.status_code == 409
    assert again.json()["error"]["details"]["remedy"] == "Choose another name."
    assert client.post("/templates", json=template("steering", name="Mine")).status_code == 201
    other = client.post("/templates", json=template("prompt", name="Other")).json()["data"]
    assert client.put(f"/templates/{other['id']}", json=template("prompt", name="Mine")).status_code == 409
    assert client.get(f"/templates/{other['id']}").json()["data"]["name"] == "Other"


@pytest.mark.parametrize(
    ("kind", "config", "field"),
    [
        ("training", {"train": {"tokens": 0}}, "config.train.tokens"),
        ("training", {"train": {"sae": {"architecture": "topk", "kk": 8}}}, "kk"),
        ("extraction", {"trace": {"hooks": []}}, "config.trace.hooks"),
        ("steering", {"edits": []}, "config.edits"),
        ("steering", {"edits": [{"latent": 1, "strength": 1}, {"latent": 1, "strength": 2}]}, "config.edits"),
        ("prompt", {"prompts": []}, "config.prompts"),
        ("prompt", {"prompts": [""]}, "config.prompts"),
        ("prompt", {"find": {}}, "config"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_by_the_name_of_its_field(client, kind, config, field):
    answer = client.post("/templates", json=template(kind, config=config))
    assert answer.status_code == 422
    assert field in answer.json()["error"]["details"]["field"]


def test_lists_are_searched_sorted_and_favourites_come_first(client):
    for name, favorite in (("b 50%", False), ("a_1", False), ("c", True)):
        client.post("/templates", json=template("prompt", name=name, is_favorite=favorite))

    def names(**query):
        answer = client.get("/templates", params={"kind": "prompt", "sortBy": "name", "order": "asc", **query})
        return [each["name"] for each in answer.json()["data"]]

    assert names() == ["c", "a_1", "b 50%", "Openings"]
    assert names(search="50%") == ["b 50%"]
    assert names(search="_") == ["a_1"]
    assert names(is_favorite=True) == ["c"]
    assert names(limit=2, page=2) == ["b 50%", "Openings"]


def test_the_built_in_templates_are_valid_and_said_in_plain_words(client):
    listed = client.get("/templates", params={"limit": 1000}).json()["data"]
    assert {(each["kind"], each["name"]) for each in listed} == {(each["kind"], each["name"]) for each in TEMPLATES}
    assert all(len(each["description"].split()) > 8 for each in listed)


def test_a_built_in_template_that_was_deleted_stays_away(client, settings):
    (first, *_) = client.get("/templates", params={"search": "Thorough"}).json()["data"]
    client.delete(f"/templates/{first['id']}")
    with serving(settings):
        pass
    assert client.get("/templates", params={"search": "Thorough"}).json()["data"] == []


def test_what_changes_is_told_to_whoever_listens(client):
    kept = client.post("/templates", json=template("prompt")).json()["data"]
    told = client.get("/events", params={"channel": "store"}).json()["data"]
    assert told[-1]["data"] == {"type": "store.changed", "entity": "template", "id": kept["id"]}
