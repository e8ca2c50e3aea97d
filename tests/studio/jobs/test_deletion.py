"""Deletions as they really run: whatever is deleted is gone as a whole, whenever its process was killed."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mistudio.artifacts.atomic import partial_of, write_json
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.store import deleted_of
from mistudio.demo.config import DEMO_NAMES
from mistudio.demo.road import model_name
from mistudio.errors import NotAllowedNow, StillUsed
from mistudio.studio.db import evaluations, events, trainings
from mistudio.studio.db.artifacts import KINDS, TABLES
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.queue import derived
from mistudio.studio.queue.deletion import request_deletion
from mistudio.studio.queue.requests import Delete, Demo, Evaluate, Train
from mistudio.training.config import TrainConfig
from tests.made_up_recording import made_up_recording
from tests.studio.small_store import NAMES, copy_store
from tests.studio.workshop import Workshop

ROAD = {entity: NAMES[kind.folder] for entity, kind in KINDS.items()}


@pytest.fixture
def road(workshop: Workshop, small_store: Path) -> Workshop:
    """A studio with one thing of every kind."""
    copy_store(small_store, workshop.settings.home)
    workshop.index_store()
    return workshop


def place(workshop: Workshop, entity: str) -> Path:
    """The directory of a thing."""
    return workshop.settings.store.path(KINDS[entity], ROAD[entity])


def hidden(workshop: Workshop, entity: str, row_id: str) -> Path:
    """Where it is while it is removed."""
    return deleted_of(place(workshop, entity).parent, row_id)


def ask(workshop: Workshop, entity: Any, *, force: bool = True) -> Job:
    """Ask for a deletion as the API does."""
    row = workshop.row(entity, ROAD[entity])
    return workshop.portal.run(
        lambda session: request_deletion(session, workshop.settings, entity, row.id, row.name, force=force)
    )


def everything_in(folder: Path) -> list[str]:
    """Names of all that lies in a folder."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("entity", TABLES)
def test_a_thing_is_deleted_with_its_directory_and_the_others_stay(road: Workshop, entity: str) -> None:
    row_id = road.row(entity, ROAD[entity]).id
    derived.keep(road.settings, row_id, TrainConfig())
    job = ask(road, entity)
    assert job.state == JobState.QUEUED
    road.work("analysis")
    assert road.job(job.id).state == JobState.COMPLETED
    assert road.row(entity, row_id) is None
    assert everything_in(place(road, entity).parent) == []
    assert not (road.settings.derived_dir / f"{row_id}.json").exists()
    for other in TABLES:
        if other != entity:
            row = road.row(other, ROAD[other])
            assert (Path(row.path) / "manifest.json").is_file()
            assert row_id not in {getattr(row, f"{link}_id", None) for link in TABLES}
    newest = road.portal.run(lambda session: events.since(session, "store", 0))
    assert {"type": "store.changed", "entity": entity, "id": row_id} in [event.payload for event in newest]
    road.index_store()
    assert road.row(entity, row_id) is None


@pytest.mark.parametrize(
    ("entity", "users"),
    [
        ("model", {"tokenization", "recording", "sae", "feature_set"}),
        ("dataset", {"tokenization"}),
        ("tokenization", {"recording", "sae", "feature_set"}),
        ("recording", {"sae"}),
        ("sae", {"feature_set"}),
        ("feature_set", set()),
    ],
)
def test_what_others_were_made_of_is_not_deleted_unasked(road: Workshop, entity: str, users: set[str]) -> None:
    if not users:
        assert ask(road, entity, force=False).state == JobState.QUEUED
        return
    with pytest.raises(StillUsed) as refused:
        ask(road, entity, force=False)
    used_by = refused.value.details["used_by"]
    assert isinstance(used_by, list)
    assert {each["entity"] for each in used_by} == users
    assert all(each["name"] == ROAD[each["entity"]] and each["name"] in refused.value.message for each in used_by)


def test_what_a_job_works_with_is_not_deleted(road: Workshop) -> None:
    rows = {entity: road.row(entity, ROAD[entity]) for entity in TABLES}
    for name_it in ("id", "name"):
        named = {entity: getattr(row, name_it) for entity, row in rows.items()}
        job = road.ask(Evaluate(sae_id=named["sae"], model_id=named["model"], tokenization_id=named["tokenization"]))
        for entity in ("sae", "model", "tokenization"):
            with pytest.raises(NotAllowedNow, match="is queued and works with it"):
                ask(road, entity)
        road.command("cancel", job.id)
    job = road.ask(Train(recording_ids=(rows["recording"].id,), name="more"))
    road.command("pause", job.id)
    with pytest.raises(NotAllowedNow, match="is paused and works with it"):
        ask(road, "recording")
    ask(road, "dataset")


def test_asking_twice_is_asking_once(road: Workshop) -> None:
    assert ask(road, "dataset").id == ask(road, "dataset").id


def test_a_thing_that_is_gone_already_is_no_error(road: Workshop) -> None:
    row_id = road.row("dataset", "letters").id
    first, second = (road.ask(Delete(entity="dataset", id=row_id)) for _ in range(2))
    road.work("analysis")
    assert {road.job(job.id).state for job in (first, second)} == {JobState.COMPLETED}


# ── killed ───────────────────────────────────────────────────────────────────────────────────────


def test_a_deletion_that_was_killed_while_it_removed_files_goes_on(road: Workshop) -> None:
    for number in range(40_000):
        (place(road, "dataset") / f"{number}.more").touch()
    row_id = road.row("dataset", "letters").id
    job = ask(road, "dataset")
    road.begin("analysis")
    road.until(hidden(road, "dataset", row_id).exists)
    assert not place(road, "dataset").exists()
    road.kill(job.id)
    road.wait()
    assert road.job(job.id).state == JobState.COMPLETED
    assert road.job(job.id).attempts == 2
    assert road.row("dataset", row_id) is None
    assert everything_in(place(road, "dataset").parent) == []


def test_a_deletion_goes_on_after_its_directory_was_set_aside(road: Workshop) -> None:
    row_id = road.row("sae", "road").id
    job = ask(road, "sae")
    os.replace(place(road, "sae"), hidden(road, "sae", row_id))
    road.work("analysis")
    assert road.job(job.id).state == JobState.COMPLETED
    assert (road.row("sae", row_id), everything_in(place(road, "sae").parent)) == (None, [])


def test_a_deletion_goes_on_after_its_row_was_removed(road: Workshop) -> None:
    row_id = road.row("sae", "road").id
    job = ask(road, "sae")
    os.replace(place(road, "sae"), hidden(road, "sae", row_id))
    road.index_store()
    assert road.row("sae", row_id) is None
    road.work("analysis")
    assert road.job(job.id).state == JobState.COMPLETED
    assert everything_in(place(road, "sae").parent) == []


def test_what_a_cancelled_deletion_left_is_swept_away(road: Workshop) -> None:
    row_id = road.row("sae", "road").id
    os.replace(place(road, "sae"), hidden(road, "sae", row_id))
    road.settings.store.sweep()
    assert everything_in(place(road, "sae").parent) == []


# ── odd places ───────────────────────────────────────────────────────────────────────────────────


def test_another_thing_of_that_name_is_not_touched(road: Workshop, small_store: Path) -> None:
    job = ask(road, "dataset")
    shutil.rmtree(place(road, "dataset"))
    shutil.copytree(small_store / "saes" / "road", place(road, "dataset"))
    road.work("analysis")
    assert road.job(job.id).state == JobState.COMPLETED
    assert (place(road, "dataset") / "manifest.json").is_file()


def test_what_a_link_leads_to_stays(road: Workshop, tmp_path: Path) -> None:
    shutil.move(place(road, "dataset"), tmp_path / "elsewhere")
    place(road, "dataset").symlink_to(tmp_path / "elsewhere")
    job = ask(road, "dataset")
    road.work("analysis")
    assert road.job(job.id).state == JobState.COMPLETED
    assert everything_in(place(road, "dataset").parent) == []
    assert (tmp_path / "elsewhere" / "manifest.json").is_file()


def test_what_is_broken_can_be_deleted(road: Workshop) -> None:
    (place(road, "dataset") / "manifest.json").write_bytes(b"\x00junk")
    job = ask(road, "dataset")
    road.work("analysis")
    assert road.job(job.id).state == JobState.COMPLETED
    assert everything_in(place(road, "dataset").parent) == []


# ── what belongs to a thing ──────────────────────────────────────────────────────────────────────


def evaluation(road: Workshop, name: str, sae_id: str) -> Path:
    """The result of an evaluation, with its row."""
    road.settings.evaluations_dir.mkdir(parents=True, exist_ok=True)
    path = road.settings.evaluations_dir / f"{name}.json"
    tokens, at = road.row("tokenization", ROAD["tokenization"]).id, datetime.now(UTC).isoformat(timespec="seconds")
    write_json(path, {"sae_id": sae_id, "tokenization_id": tokens, "created_at": at, "result": {}})
    road.index_store()
    return path


def test_an_sae_takes_its_evaluations_and_a_training_of_the_command_line_with_it(road: Workshop) -> None:
    sae_id = road.row("sae", "road").id
    mine, other = evaluation(road, "evaluation-1", sae_id), evaluation(road, "evaluation-2", "sae-other")
    training = road.portal.run(lambda session: trainings.of_saes(session, [sae_id]))[sae_id]
    ask(road, "sae")
    road.work("analysis")
    assert (mine.exists(), other.exists()) == (False, True)
    assert road.portal.run(lambda session: evaluations.of_sae(session, sae_id)) == []
    assert road.portal.run(lambda session: trainings.get(session, training.id)) is None


def test_an_evaluation_is_deleted_by_itself(road: Workshop) -> None:
    path = evaluation(road, "evaluation-1", road.row("sae", "road").id)
    job = road.ask(Delete(entity="evaluation", id="evaluation-1"))
    road.work("analysis")
    assert road.job(job.id).state == JobState.COMPLETED
    assert everything_in(path.parent) == []
    assert road.portal.run(lambda session: evaluations.get(session, "evaluation-1")) is None


def test_a_feature_set_takes_its_labels_with_it(road: Workshop) -> None:
    row_id = road.row("feature_set", "road").id
    road.settings.annotations_dir.mkdir(parents=True)
    journal = road.settings.annotations_dir / f"{row_id}.jsonl"
    journal.write_text("", encoding="utf-8")
    ask(road, "feature_set")
    road.work("analysis")
    assert not journal.exists()


def test_a_training_takes_its_unfinished_work_with_it(road: Workshop) -> None:
    training, train = road.train(Train(recording_ids=(road.row("recording", "road").id,), name="half-done"))
    road.command("cancel", train.id)
    partial = partial_of(road.settings.store.path(Kind.SAE, "half-done"))
    (partial / ".work").mkdir(parents=True)
    job = road.portal.run(
        lambda session: request_deletion(session, road.settings, "training", training.id, training.name)
    )
    road.work("analysis")
    assert road.job(job.id).state == JobState.COMPLETED
    assert everything_in(partial.parent) == ["road"]
    assert road.portal.run(lambda session: trainings.get(session, training.id)) is None


def test_a_training_that_made_an_sae_is_not_deleted_unasked(road: Workshop) -> None:
    sae_id = road.row("sae", "road").id
    training = road.portal.run(lambda session: trainings.of_saes(session, [sae_id]))[sae_id]

    def request(force: bool) -> Job:
        return road.portal.run(
            lambda session: request_deletion(
                session, road.settings, "training", training.id, training.name, force=force
            )
        )

    with pytest.raises(StillUsed, match="road was made of it"):
        request(force=False)
    request(force=True)
    road.work("analysis")
    assert road.row("sae", sae_id) is not None
    road.index_store()
    assert road.portal.run(lambda session: trainings.get(session, training.id)) is None


def test_a_training_that_runs_is_not_deleted(road: Workshop) -> None:
    training, _ = road.train(Train(recording_ids=(road.row("recording", "road").id,), name="running"))
    with pytest.raises(NotAllowedNow, match="is queued and works with it"):
        road.portal.run(
            lambda session: request_deletion(session, road.settings, "training", training.id, training.name, force=True)
        )


# ── what is worked with, and what is leaving ─────────────────────────────────────────────────────


def test_what_the_demo_may_take_up_is_not_deleted_while_it_walks(road: Workshop) -> None:
    recording = made_up_recording(road.settings.store.path(Kind.ACTIVATIONS, "demo-0123abcd"))
    row_id = road.index("recording", recording)
    assert DEMO_NAMES.fullmatch(model_name())
    job = road.ask(Demo())

    def delete() -> Job:
        return road.portal.run(
            lambda session: request_deletion(session, road.settings, "recording", row_id, "demo-0123abcd")
        )

    with pytest.raises(NotAllowedNow, match="“a test” is queued and works with it"):
        delete()
    ask(road, "recording")
    road.command("cancel", job.id)
    delete()
    with pytest.raises(NotAllowedNow, match="demo-0123abcd is being deleted"):
        road.ask(Demo())


def test_no_job_is_taken_on_for_what_is_being_deleted(road: Workshop) -> None:
    rows = {entity: road.row(entity, ROAD[entity]) for entity in TABLES}
    job = ask(road, "sae")
    evaluate = Evaluate(sae_id=rows["sae"].id, model_id=rows["model"].id, tokenization_id=rows["tokenization"].id)
    with pytest.raises(NotAllowedNow, match="road is being deleted by the job “Delete sae road”") as refused:
        road.ask(evaluate)
    assert "cancel that job" in refused.value.remedy
    road.ask(Train(recording_ids=(rows["recording"].id,), name="another"))
    road.command("cancel", job.id)
    road.ask(evaluate)


def test_a_training_that_is_being_deleted_is_not_retried(road: Workshop) -> None:
    training, train = road.train(Train(recording_ids=(road.row("recording", "road").id,), name="leaving"))
    road.command("cancel", train.id)
    road.portal.run(lambda session: request_deletion(session, road.settings, "training", training.id, training.name))
    with pytest.raises(NotAllowedNow, match="is being deleted"):
        road.command("retry", train.id)
