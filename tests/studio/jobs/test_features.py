"""Finding features as a job, on a tiny model."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from mistudio.artifacts.atomic import partial_of
from mistudio.artifacts.kinds import Kind
from mistudio.corpora.config import TokenizeConfig
from mistudio.corpora.tokenize import tokenize_with
from mistudio.features.config import FindConfig
from mistudio.features.pages import Features
from mistudio.language_models.loading import save_model
from mistudio.studio.db import feature_journal, features, features_load, features_query
from mistudio.studio.db.features_query import Wanted
from mistudio.studio.queue.inputs import find_inputs
from mistudio.studio.queue.requests import Find
from tests.studio.small_store import write_store
from tests.studio.workshop import Workshop
from tests.tiny_models import tiny_language_model, tiny_tokenizer


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one thing of every kind."""
    home = tmp_path_factory.mktemp("made") / "home"
    write_store(home)
    return home


@pytest.fixture
def road(workshop: Workshop, made: Path) -> Workshop:
    """A workshop with that store."""
    shutil.copytree(made, workshop.settings.home, dirs_exist_ok=True)
    workshop.index_store()
    return workshop


def request(**changes: object) -> Find:
    wanted = {"sae_id": "road", "model_id": "tiny", "tokenization_id": "letters-tiny", "name": "again"}
    return Find.model_validate(wanted | changes)


def find(workshop: Workshop, **changes: object):
    job = workshop.ask(request(**changes))
    workshop.work("extraction")
    return workshop.job(job.id)


def opened(workshop: Workshop, name: str) -> Features:
    return Features.open(workshop.settings.store.path(Kind.FEATURES, name))


def test_features_of_a_recording_are_those_that_the_library_finds_and_are_in_the_table(road):
    job = find(road, recording_ids=("road",))
    assert job.state == "completed", road.log(job.id)
    row = road.row("feature_set", "again")
    assert (row.loaded, row.job_id) == (True, job.id)
    assert job.result == {"entity": "feature_set", "id": row.id, "name": "again", "failed": []}
    names = [road.row(entity, name).id for entity, name in (("sae", "road"), ("tokenization", "letters-tiny"))]
    assert [row.sae_id, row.tokenization_id] == names
    numbers, expected = opened(road, "again").statistics, opened(road, "road").statistics
    assert np.array_equal(numbers.count, expected.count)
    assert np.allclose(numbers.max, expected.max)

    async def page(session):
        return await features_query.page(session, row, Wanted(sort="count"), offset=0, limit=5)

    found = road.portal.run(page)
    assert found.total == 64
    assert found.rows[0].count == expected.count.max()
    assert "load the table" in road.log(job.id) or job.stage == "load the table"


def test_without_a_recording_the_model_runs_along(road):
    job = find(road)
    assert job.state == "completed", road.log(job.id)
    features_ = opened(road, "again")
    assert features_.artifact.manifest.config["source"]["from"] == "model"
    assert features_.artifact.manifest.metrics["tokens"] > 1000
    assert features_.lens is not None
    assert "".join(features_.pieces(tiny_tokenizer()("über 🦊").input_ids)) == "über 🦊"


def test_a_search_that_is_killed_goes_on_and_finds_the_same(road):
    config = FindConfig(batch_tokens=64, shard_activations=64, lens_latents=1)
    job = road.ask(request(config=config, recording_ids=("road",)))
    road.begin("extraction")
    road.until(lambda: partial_of(road.settings.store.path(Kind.FEATURES, "again")).exists())
    road.kill(job.id)
    road.wait()
    assert road.job(job.id).attempts == 2
    assert road.job(job.id).state == "completed", road.log(job.id)
    numbers, expected = opened(road, "again").statistics, opened(road, "road").statistics
    assert np.array_equal(numbers.count, expected.count)
    assert np.allclose(numbers.mean, expected.mean)


def test_what_was_said_of_a_set_of_that_id_is_in_its_table(road):
    path = road.settings.store.path(Kind.FEATURES, "road")
    set_id = Features.open(path).artifact.manifest.id
    journal = feature_journal.journal_of(road.settings.annotations_dir, set_id)
    journal.parent.mkdir(parents=True)
    journal.write_text('{"latent": 3, "label": "kept", "at": "2026-01-02T03:04:05+00:00"}\n')
    road.portal.run(lambda session: features_load.load(session, set_id, road.settings.annotations_dir))
    row = road.portal.run(lambda session: features.get(session, set_id, 3))
    assert (row.label, row.updated_at.year) == ("kept", 2026)


def test_what_is_gone_by_then_is_named_with_what_to_do(workshop):
    job = find(workshop, sae_id="gone")
    assert (job.state, job.error["code"]) == ("failed", "NotFound")
    assert "'gone'" in job.error["message"]
    assert job.error["remedy"]


def test_a_text_of_another_tokenizer_is_refused(road):
    store, other = road.settings.store, tiny_tokenizer()
    other.add_tokens(["<new>"])
    path = store.path(Kind.TOKENS, "other")
    artifact = tokenize_with(
        other, store.path(Kind.CORPUS, "letters"), "other", TokenizeConfig(context_length=16), path
    )
    road.index("tokenization", artifact)
    job = find(road, tokenization_id="other")
    assert (job.state, job.error["code"]) == ("failed", "BadInput")
    assert "other was tokenized with another tokenizer than that of" in job.error["message"]
    assert "Tokenize" in job.error["remedy"]
    assert not partial_of(store.path(Kind.FEATURES, "again")).exists()


def test_a_model_of_another_width_is_refused_before_and_in_the_job(road):
    lm = tiny_language_model(hidden_size=16, num_attention_heads=2, num_key_value_heads=2)
    road.index("model", save_model(lm, road.settings.store.path(Kind.MODEL, "narrow")))
    job = find(road, model_id="narrow", recording_ids=("road",))
    assert (job.state, job.error["code"]) == ("failed", "ShapeError")
    with pytest.raises(Exception, match="road reads 32 dimensions, and resid_post.1 of narrow has 16"):
        road.portal.run(lambda session: find_inputs(session, request(model_id="narrow")))


def test_a_recording_of_another_hook_point_is_refused_by_name(road):
    row = road.row("recording", "road")

    async def rename(session):
        (await session.get(type(row), row.id)).hooks = ["resid_post.0"]
        await session.flush()
        await find_inputs(session, request(recording_ids=("road",)))

    with pytest.raises(Exception, match=r"road does not hold resid_post\.1, which road reads") as raised:
        road.portal.run(rename)
    assert "It holds resid_post.0" in raised.value.remedy
