"""Which of the jobs that wait goes first can be changed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from mistudio.corpora.config import CorpusConfig
from mistudio.studio.db import jobs
from mistudio.studio.db.session import Session
from mistudio.studio.queue.requests import DatasetAdd
from tests.studio.workshop import Workshop, workshop

__all__ = ["workshop"]


def waiting(workshop: Workshop, name: str) -> str:
    return workshop.ask(DatasetAdd(name=name, config=CorpusConfig(sources=("somewhere.txt",)))).id


def claimed(workshop: Workshop) -> str:
    async def claim(session: Session) -> Any:
        return await jobs.claim(session, "analysis", lease_seconds=60, host="here")

    return str(workshop.portal.run(claim).id)


def test_a_job_that_is_to_run_next_goes_before_older_ones(client: httpx.Client, workshop: Workshop) -> None:
    first, second, third = (waiting(workshop, name) for name in ("first", "second", "third"))
    answer = client.patch(f"/jobs/{third}", json={"priority": 10})
    assert (answer.status_code, answer.json()["data"]["priority"]) == (200, 10)
    client.patch(f"/jobs/{first}", json={"priority": -1})
    assert [claimed(workshop) for _ in range(3)] == [third, second, first]


def test_only_a_job_whose_turn_is_to_come_has_one(client: httpx.Client, workshop: Workshop) -> None:
    job_id = waiting(workshop, "one")
    client.post(f"/jobs/{job_id}/cancel")
    answer = client.patch(f"/jobs/{job_id}", json={"priority": 1})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "NotAllowedNow")
    assert client.patch("/jobs/job-nothing", json={"priority": 1}).status_code == 404


@pytest.mark.parametrize("change", [{"priority": 11}, {"priority": -11}, {}, {"state": "running"}])
def test_a_priority_is_a_number_from_minus_ten_to_ten(client: httpx.Client, workshop: Workshop, change: Any) -> None:
    assert client.patch(f"/jobs/{waiting(workshop, 'one')}", json=change).status_code == 422
