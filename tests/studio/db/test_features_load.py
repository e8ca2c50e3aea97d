import asyncio
import json

import pytest
from sqlalchemy import select, text

from mistudio.errors import ArtifactBroken
from mistudio.features.pages import Features
from mistudio.studio.db import feature_journal, features, features_load
from mistudio.studio.db.artifacts import FeatureSet
from mistudio.studio.db.features import SEPARATOR, Annotation, Feature
from mistudio.studio.db.features_load import partition_of
from mistudio.studio.db.session import Database
from tests.studio.made_up_features import in_session, make_features, row_of, with_database


async def rows(session, feature_set_id):
    found = await session.scalars(
        select(Feature).where(Feature.feature_set_id == feature_set_id).order_by(Feature.latent)
    )
    return list(found)


async def partitions(session):
    found = await session.execute(text("SELECT tablename FROM pg_tables WHERE tablename LIKE 'features\\_%'"))
    return {name for (name,) in found}


def test_every_latent_has_a_row_with_the_artifacts_numbers(settings, feature_set, features_path):
    found = in_session(settings, lambda session: rows(session, feature_set))
    artifact = Features.open(features_path)
    assert [row.latent for row in found] == list(range(len(artifact)))
    assert any(row.count == 0 for row in found)
    for row in found:
        numbers = artifact.rows.row(row.latent)
        assert (row.count, row.documents) == (numbers.count, numbers.documents)
        assert row.max == pytest.approx(numbers.max)
        assert row.mean == pytest.approx(numbers.mean)
        assert row.density == pytest.approx(numbers.density)
        assert row.top_tokens == SEPARATOR.join(artifact.pieces([index])[0] for index in numbers.top_tokens)
        assert (row.label, row.notes, row.starred, row.labelled) == (None, None, False, False)


def test_loading_twice_changes_nothing(settings, feature_set):
    again = in_session(settings, lambda session: features_load.load(session, feature_set, settings.annotations_dir))
    assert again is False


def test_two_who_load_at_once_load_it_once(settings, features_path):
    row = row_of(features_path)
    feature_set_id = row.id

    async def both(database: Database):
        async with database.session() as session:
            session.add(row)

        async def one():
            async with database.session() as session:
                return await features_load.load(session, feature_set_id, settings.annotations_dir)

        return await asyncio.gather(one(), one(), one())

    assert sorted(with_database(settings, both)) == [False, False, True]


def test_a_set_that_cannot_be_read_is_left_whole_and_unloaded(settings, tmp_path):
    path = make_features(tmp_path)
    row = row_of(path)
    feature_set_id = row.id
    (path / "statistics.parquet").write_bytes(b"PAR1")

    async def add(session):
        session.add(row)

    in_session(settings, add)
    with pytest.raises(ArtifactBroken):
        in_session(settings, lambda session: features_load.load(session, feature_set_id, settings.annotations_dir))
    assert in_session(settings, partitions) == set()
    missing = with_database(settings, lambda database: features_load.load_missing(database, settings.annotations_dir))
    assert missing == []


def test_what_is_not_loaded_yet_is_loaded_with_the_rest(settings, features_path):
    row = row_of(features_path)
    feature_set_id = row.id

    async def add_and_load(database: Database):
        async with database.session() as session:
            session.add(row)
        first = await features_load.load_missing(database, settings.annotations_dir)
        return first, await features_load.load_missing(database, settings.annotations_dir)

    assert with_database(settings, add_and_load) == ([feature_set_id], [])


def test_features_go_with_their_set(settings, feature_set):
    assert in_session(settings, partitions) == {partition_of(feature_set)}

    async def delete(session):
        await session.delete(await session.get(FeatureSet, feature_set))

    in_session(settings, delete)
    assert in_session(settings, partitions) == set()
    assert in_session(settings, lambda session: rows(session, feature_set)) == []


def test_index_only_scans_work_at_once(settings, feature_set):
    async def plan(session):
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        found = await session.execute(
            text(
                "EXPLAIN (ANALYZE) SELECT count(*) FROM features WHERE feature_set_id = :id AND max > 1 AND count > 2 "
                "AND NOT starred AND NOT labelled"
            ),
            {"id": feature_set},
        )
        return "\n".join(line for (line,) in found)

    shown = in_session(settings, plan)
    assert "Index Only Scan" in shown
    assert "Heap Fetches: 0" in shown


def test_what_people_said_survives_the_loss_of_the_database(settings, feature_set, features_path):
    async def say(session):
        folder = settings.annotations_dir
        await feature_journal.annotate(session, folder, feature_set, 5, {"label": "war's\n“words”", "starred": True})
        await feature_journal.annotate(session, folder, feature_set, 5, {"notes": "first"})
        await feature_journal.annotate(session, folder, feature_set, 6, {"label": "passing"})
        await feature_journal.annotate(session, folder, feature_set, 6, {"label": None})

    in_session(settings, say)
    before = in_session(settings, lambda session: features.get(session, feature_set, 5))

    async def lose_and_rebuild(session):
        await session.delete(await session.get(FeatureSet, feature_set))
        await session.execute(text("DELETE FROM annotations"))
        await session.flush()
        session.add(row_of(features_path))
        await session.flush()
        await features_load.load(session, feature_set, settings.annotations_dir)

    in_session(settings, lose_and_rebuild)
    after = in_session(settings, lambda session: features.get(session, feature_set, 5))
    assert (after.label, after.notes, after.starred) == ("war's\n“words”", "first", True)
    assert after.updated_at == before.updated_at
    six = in_session(settings, lambda session: features.get(session, feature_set, 6))
    assert (six.label, six.labelled, six.updated_at is not None) == (None, False, True)
    lines = in_session(settings, lambda session: session.scalar(select(Annotation.lines)))
    assert lines == 4


def test_a_line_that_did_not_reach_its_row_does_so_later(settings, feature_set):
    async def say_and_fail(session):
        await feature_journal.annotate(session, settings.annotations_dir, feature_set, 9, {"label": "written"})
        raise ValueError("killed before the commit")

    with pytest.raises(ValueError, match="killed"):
        in_session(settings, say_and_fail)
    assert in_session(settings, lambda session: features.get(session, feature_set, 9)).label is None
    changed = with_database(settings, lambda database: features_load.load_missing(database, settings.annotations_dir))
    assert changed == [feature_set]
    assert in_session(settings, lambda session: features.get(session, feature_set, 9)).label == "written"
    again = with_database(settings, lambda database: features_load.load_missing(database, settings.annotations_dir))
    assert again == []


def test_a_torn_line_spoils_neither_what_was_said_before_nor_what_is_said_after(settings, feature_set):
    async def say(latent, label):
        async def work(session):
            change = {"label": label}
            await feature_journal.annotate(session, settings.annotations_dir, feature_set, latent, change)

        return work

    in_session(settings, asyncio.run(say(1, "before")))
    path = feature_journal.journal_of(settings.annotations_dir, feature_set)
    path.write_bytes(path.read_bytes() + b'{"latent": 2, "lab')
    in_session(settings, asyncio.run(say(3, "after")))
    said = feature_journal.read(settings.annotations_dir, feature_set)
    assert said.latest["label"] == {1: "before", 3: "after"}
    assert said.lines == 2
    assert json.loads(path.read_bytes().splitlines()[-1])["label"] == "after"


def test_many_who_speak_at_once_are_all_heard(settings, feature_set):
    async def speak(database: Database):
        async def one(i):
            async with database.session() as session:
                change = {"label": f"label {i}"}
                await feature_journal.annotate(session, settings.annotations_dir, feature_set, i % 3, change)

        await asyncio.gather(*(one(i) for i in range(30)))

    with_database(settings, speak)
    said = feature_journal.read(settings.annotations_dir, feature_set)
    assert said.lines == 30
    for latent in range(3):
        row = in_session(settings, lambda session, latent=latent: features.get(session, feature_set, latent))
        assert row.label == said.latest["label"][latent]


def test_a_latent_that_there_is_not_leaves_no_line(settings, feature_set):
    async def say(session):
        return await feature_journal.annotate(session, settings.annotations_dir, feature_set, 10**6, {"label": "x"})

    assert in_session(settings, say) is None
    assert feature_journal.read(settings.annotations_dir, feature_set).lines == 0
