"""What a job says holds no secrets: neither its log nor its row."""

from __future__ import annotations

from mistudio.corpora.config import CorpusConfig
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.logs import HIDDEN
from mistudio.studio.queue.requests import DatasetAdd
from tests.studio.workshop import Workshop, workshop

__all__ = ["workshop"]

HUB = "hf_" + "abcdefghijklmnop"


def test_an_error_that_names_a_token_is_written_down_without_it(workshop: Workshop) -> None:
    source = str(workshop.settings.home / f"{HUB}.txt")
    job = workshop.ask(DatasetAdd(name="one", config=CorpusConfig(sources=(source,))))
    workshop.work("analysis")
    ended = workshop.job(job.id)
    assert ended.state == JobState.FAILED
    assert ended.error is not None
    assert HIDDEN in ended.error["message"]
    for told in (str(ended.error), workshop.log(job.id)):
        assert HUB not in told
    assert HIDDEN in workshop.log(job.id)
