"""Retrying a job takes what asking for it anew would take: the role, the limits and the room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mistudio.corpora.config import CorpusConfig
from mistudio.language_models.config import ModelConfig
from mistudio.sae.config import TopKConfig
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.queue.enqueue import create
from mistudio.studio.queue.portal import Portal
from mistudio.studio.queue.requests import DatasetAdd, Delete, Demo, ModelAdd, Request, Train
from mistudio.studio.settings import Settings
from mistudio.training.config import TrainConfig
from tests.studio.serving import serving
from tests.studio.workshop import Workshop, workshop

__all__ = ["workshop"]

OPERATOR, ADMIN = "operator-token-0123456789", "admin-token-0123456789"


@pytest.fixture
def behind_a_proxy(settings: Settings) -> Iterator[str]:
    """The address of a studio that listens on loopback and wants tokens."""
    tokens = f"operator:{OPERATOR},admin:{ADMIN}"
    with serving(settings.model_copy(update={"api_tokens": tokens, "downloads_per_hour": 2})) as url:
        yield f"{url}/api/v1"


def ended(settings: Settings, request: Request, **columns: Any) -> str:
    """A job that failed; its id."""
    portal = Portal(str(settings.database_url))

    async def write(session: Any) -> str:
        job = await create(session, settings, request, title="x")
        job.state = JobState.FAILED
        for name, value in columns.items():
            setattr(job, name, value)
        return job.id

    try:
        return portal.run(write)
    finally:
        portal.close()


def post(url: str, path: str, token: str, body: Any = None) -> httpx.Response:
    return httpx.post(f"{url}{path}", headers={"authorization": f"Bearer {token}"}, json=body, timeout=30)


def test_an_operator_does_not_repeat_what_only_an_admin_may(behind_a_proxy, settings):
    code = ModelAdd(name="coded", config=ModelConfig(source="owner/coded", trust_remote_code=True))
    for request in (Delete(entity="dataset", id="corpus-1"), code):
        job_id = ended(settings, request)
        refused = post(behind_a_proxy, f"/jobs/{job_id}/retry", OPERATOR)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "Forbidden")
        assert post(behind_a_proxy, f"/jobs/{job_id}/retry", ADMIN).status_code == 202


def test_an_operator_runs_no_models_own_code_behind_a_proxy(behind_a_proxy):
    wanted = {"config": {"source": "owner/coded", "trust_remote_code": True}}
    assert post(behind_a_proxy, "/models", OPERATOR, wanted).status_code == 403
    assert post(behind_a_proxy, "/models", ADMIN, wanted).status_code == 202


def test_a_retried_download_counts_as_one(behind_a_proxy, settings):
    request = ModelAdd(config=ModelConfig(source="owner/plain"))
    answers = [post(behind_a_proxy, f"/jobs/{ended(settings, request)}/retry", OPERATOR) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "MISTUDIO_DOWNLOADS_PER_HOUR" in answers[-1].json()["error"]["details"]["remedy"]


def test_a_source_that_may_not_be_read_any_more_is_not_read_again(behind_a_proxy, settings):
    request = DatasetAdd(name="outside", config=CorpusConfig(sources=("/etc/hostname",)))
    assert post(behind_a_proxy, f"/jobs/{ended(settings, request)}/retry", ADMIN).status_code == 403


def test_a_second_demo_is_not_begun_by_a_retry(client, settings):
    first, second = ended(settings, Demo()), ended(settings, Demo(), state=JobState.PAUSED)
    assert second
    refused = client.post(f"/jobs/{first}/retry")
    assert (refused.status_code, refused.json()["error"]["message"]) == (409, "The demo is paused already.")


def test_what_does_not_fit_is_not_retried(client: httpx.Client, workshop: Workshop):
    config = TrainConfig(sae=TopKConfig(k=4, d_sae=2_000_000_000), tokens=25_600, batch_size=256, buffer_tokens=4096)
    training, job = workshop.train(Train(recording_ids=(workshop.recording(),), name="huge", config=config))
    workshop.command("cancel", job.id)
    for path in (f"/jobs/{job.id}/retry", f"/trainings/{training.id}/retry"):
        answer = client.post(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "NotEnoughMemory")
