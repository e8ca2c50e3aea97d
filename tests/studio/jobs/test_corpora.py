"""Text as it is really brought in: what cannot be read is left out, counted and named."""

from __future__ import annotations

from mistudio.corpora.config import CorpusConfig
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.http.jobs import job_out
from mistudio.studio.queue.requests import DatasetAdd
from tests.studio.workshop import Workshop


def test_files_that_cannot_be_read_end_a_job_as_completed_with_errors(workshop: Workshop) -> None:
    texts = workshop.settings.home / "texts"
    texts.mkdir(parents=True)
    (texts / "good.txt").write_text("We the people.")
    (texts / "latin.txt").write_bytes("Größe".encode("latin-1"))
    (texts / "broken.parquet").write_bytes(b"PAR1")
    job = workshop.ask(DatasetAdd(name="mixed", config=CorpusConfig(sources=(str(texts),))))
    workshop.work("analysis")
    shown = job_out(workshop.job(job.id))
    assert (shown.state, shown.failed_items, shown.error) == (JobState.COMPLETED_WITH_ERRORS, 2, None)
    assert shown.result is not None
    assert [each.name for each in shown.result.failed] == ["broken.parquet", "latin.txt"]
    assert "not UTF-8" in shown.result.failed[1].reason
    assert workshop.row("dataset", "mixed").documents == 1
    assert "latin.txt failed" in workshop.log(job.id)


def test_a_job_of_which_nothing_can_be_read_fails(workshop: Workshop) -> None:
    text = workshop.settings.home / "latin.txt"
    text.parent.mkdir(parents=True, exist_ok=True)
    text.write_bytes("Größe".encode("latin-1"))
    job = workshop.ask(DatasetAdd(name="none", config=CorpusConfig(sources=(str(text),))))
    workshop.work("analysis")
    shown = job_out(workshop.job(job.id))
    assert shown.error is not None
    assert (shown.state, shown.error.code) == (JobState.FAILED, "BadInput")
