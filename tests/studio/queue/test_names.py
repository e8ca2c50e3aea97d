"""One name, one thing: whoever asks at once, and whatever else comes into the store meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import numbered, open_artifact
from mistudio.corpora.config import CorpusConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.errors import ArtifactExists
from mistudio.studio.db import artifacts, jobs
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.db.session import Session
from mistudio.studio.queue.enqueue import create
from mistudio.studio.queue.leftovers import clear, number_of
from mistudio.studio.queue.names import free_name
from mistudio.studio.queue.requests import DatasetAdd
from mistudio.studio.settings import Settings
from tests.studio.workshop import Workshop, workshop

__all__ = ["workshop"]


def request_of(settings: Settings, name: str, text: str = "some text") -> DatasetAdd:
    """To add an upload of its own."""
    source = settings.uploads_dir / text.replace(" ", "-") / "text.txt"
    source.parent.mkdir(parents=True)
    source.write_text(text)
    return DatasetAdd(name=name, config=CorpusConfig(sources=(str(source),)))


def test_of_two_that_ask_for_one_name_at_once_one_is_refused(workshop: Workshop) -> None:
    requests = [request_of(workshop.settings, "twin", text) for text in ("one", "two")]

    def asking(request: DatasetAdd) -> Any:
        async def ask(session: Session) -> Job:
            job = await create(session, workshop.settings, request, title="Add")
            await asyncio.sleep(0.5)  # The other one asks before this transaction ends.
            return job

        return workshop.portal.start(ask)

    outcomes = [each.exception(20) for each in [asking(request) for request in requests]]
    assert [type(each) for each in outcomes if each is not None] == [ArtifactExists]
    assert len(workshop.portal.run(jobs.unfinished)) == 1


def test_two_that_let_the_studio_choose_a_name_at_once_get_two(workshop: Workshop) -> None:
    request = request_of(workshop.settings, "unused")

    async def ask(session: Session) -> str:
        name = await free_name(session, workshop.settings, request, "chosen")
        await create(session, workshop.settings, request.model_copy(update={"name": name}), title="Add")
        await asyncio.sleep(0.3)
        return name

    both = [workshop.portal.start(ask) for _ in range(2)]
    assert {each.result(20) for each in both} == {"chosen", "chosen-2"}


def test_what_another_made_under_the_name_is_not_taken_for_the_jobs_own(workshop: Workshop, tmp_path: Path) -> None:
    job = workshop.ask(request_of(workshop.settings, "taken", "never read"))
    other = tmp_path / "other.txt"
    other.write_text("what the command line adds")
    by_hand = add_corpus(CorpusConfig(sources=(str(other),)), workshop.settings.store.path(Kind.CORPUS, "taken"))
    workshop.work("analysis")
    ended = workshop.job(job.id)
    assert (ended.state, ended.error["code"]) == ("failed", "ArtifactExists")  # type: ignore[index]
    assert "'taken' is taken" in ended.error["message"]  # type: ignore[index]
    assert Path(job.request["config"]["sources"][0]).read_text() == "never read"
    assert open_artifact(by_hand.path).manifest.id == by_hand.manifest.id


def test_what_the_job_itself_sealed_before_it_was_killed_is_taken(workshop: Workshop) -> None:
    request = request_of(workshop.settings, "own")
    job = workshop.ask(request)
    with numbered(number_of(job.id)):
        sealed = add_corpus(request.config, workshop.settings.store.path(Kind.CORPUS, "own"))
    workshop.work("analysis")
    assert workshop.job(job.id).result == {"entity": "dataset", "id": sealed.manifest.id, "name": "own", "failed": []}
    assert not Path(request.config.sources[0]).exists()


def test_what_a_job_had_sealed_when_it_was_cancelled_gets_its_row(workshop: Workshop) -> None:
    request = request_of(workshop.settings, "late")
    job = workshop.ask(request)
    with numbered(number_of(job.id)):
        sealed = add_corpus(request.config, workshop.settings.store.path(Kind.CORPUS, "late"))
    cancelled = workshop.command("cancel", job.id)
    assert cancelled.state == JobState.CANCELLED
    workshop.portal.run(lambda session: clear(session, workshop.settings, cancelled))
    row = workshop.portal.run(lambda session: artifacts.get(session, "dataset", "late"))
    assert row is not None
    assert (row.id, row.job_id) == (sealed.manifest.id, job.id)


@pytest.mark.parametrize("again", [False, True])
def test_what_a_cancelled_job_had_begun_goes_unless_another_job_has_the_name_by_now(
    workshop: Workshop, again: bool
) -> None:
    request = request_of(workshop.settings, "begun")
    cancelled = workshop.command("cancel", workshop.ask(request).id)
    partial = workshop.settings.store.path(Kind.CORPUS, "begun").with_name(".begun.partial")
    partial.mkdir(parents=True)
    if again:
        workshop.ask(request)
    workshop.portal.run(lambda session: clear(session, workshop.settings, cancelled))
    assert partial.exists() == again
