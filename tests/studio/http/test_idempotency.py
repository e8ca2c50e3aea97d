import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, update

from mistudio.studio.db.base import now
from mistudio.studio.db.presets import Preset
from mistudio.studio.db.requests import IdempotencyKey
from mistudio.studio.db.session import Database
from mistudio.studio.http.idempotency import Idempotency
from tests.studio.http.asking import through
from tests.studio.serving import serving


class Counter:
    """An application that answers with how often it was asked, in a way that can be chosen."""

    def __init__(self, status=200, content_type=b"application/json"):
        self.asked, self.status, self.content_type = 0, status, content_type
        self.gate = None

    async def __call__(self, scope, receive, send):
        self.asked += 1
        body = (await receive())["body"]
        if self.gate:
            await self.gate.wait()
        await send(
            {"type": "http.response.start", "status": self.status, "headers": [(b"content-type", self.content_type)]}
        )
        await send({"type": "http.response.body", "body": b'{"asked": %d, "sent": %d}' % (self.asked, len(body))})


TOKEN = "0123456789abcdef"


@pytest.fixture
def counter():
    return Counter()


@pytest.fixture
def asked(settings, counter):
    """Ask the counter behind the layer; new connections each time, since each question has its own loop."""
    settings = settings.model_copy(update={"api_tokens": f"operator:{TOKEN}"})

    def go(method="POST", path="/api/v1/things", key="key-1", content=b"{}", headers=None):
        sent = {**({"Idempotency-Key": key} if key else {}), **(headers or {})}

        async def run():
            database = Database(str(settings.database_url))
            try:
                async with through(Idempotency(counter, database, settings)) as client:
                    return await client.request(method, path, content=content, headers=sent)
            finally:
                await database.close()

        return asyncio.run(run())

    return go


def test_the_same_request_is_answered_once_and_its_answer_repeated(asked, counter):
    first, second = asked(), asked()
    assert counter.asked == 1
    assert first.content == second.content == b'{"asked": 1, "sent": 2}'
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_every_method_that_changes_something_takes_a_key(asked, counter, method):
    asked(method), asked(method)
    assert counter.asked == 1


def test_without_a_key_each_request_is_a_new_one(asked, counter):
    asked(key=None), asked(key=None)
    assert counter.asked == 2


def test_a_key_belongs_to_one_address_and_one_client(asked, counter):
    asked(), asked(path="/api/v1/others"), asked(method="PATCH"), asked(headers={"Authorization": f"Bearer {TOKEN}"})
    assert counter.asked == 4


def test_a_key_with_another_body_is_refused(asked, counter):
    asked()
    answer = asked(content=b'{"k": 1}')
    assert answer.status_code == 422
    assert "new key" in answer.json()["error"]["details"]["remedy"]
    assert counter.asked == 1


@pytest.mark.parametrize("key", ["", "with space", "é", "x" * 256])
def test_a_key_that_is_none_is_refused(asked, counter, key):
    answer = asked(key=None, headers={"Idempotency-Key": key.encode()})
    assert answer.status_code == 422
    assert counter.asked == 0


@pytest.mark.parametrize("status", [404, 409, 422])
def test_a_refusal_is_repeated_too(asked, counter, status):
    counter.status = status
    assert [asked().status_code, asked().status_code] == [status, status]
    assert counter.asked == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_be_tried_again_is_tried_again(asked, counter, status):
    counter.status = status
    asked(), asked()
    assert counter.asked == 2


def test_a_stream_is_not_kept(asked, counter):
    counter.content_type = b"text/event-stream"
    asked(), asked()
    assert counter.asked == 2


def test_a_request_that_is_being_answered_is_not_begun_again(settings, counter):
    async def run():
        database = Database(str(settings.database_url))
        counter.gate = asyncio.Event()
        async with through(Idempotency(counter, database, settings)) as client:
            first = asyncio.create_task(client.post("/api/v1/things", headers={"Idempotency-Key": "k"}))
            while not counter.asked:
                await asyncio.sleep(0.01)
            second = await client.post("/api/v1/things", headers={"Idempotency-Key": "k"})
            counter.gate.set()
            await first
            third = await client.post("/api/v1/things", headers={"Idempotency-Key": "k"})
        await database.close()
        return second, third

    second, third = asyncio.run(run())
    assert second.status_code == 409
    assert second.json()["error"]["retryable"] is True
    assert second.headers["retry-after"] == "1"
    assert third.headers["idempotent-replayed"] == "true"
    assert counter.asked == 1


def age(settings, **values):
    async def run():
        database = Database(str(settings.database_url))
        async with database.session() as session:
            await session.execute(update(IdempotencyKey).values(**values))
        await database.close()

    asyncio.run(run())


def test_an_answer_is_kept_for_a_day(settings, asked, counter):
    asked()
    age(settings, created_at=now() - timedelta(hours=23))
    asked()
    assert counter.asked == 1
    age(settings, created_at=now() - timedelta(hours=25))
    asked()
    assert counter.asked == 2


def test_the_key_of_a_request_whose_process_was_killed_is_free_after_a_minute(settings, asked, counter):
    asked()
    age(settings, status=None, body=None)
    assert asked().status_code == 409
    age(settings, created_at=now() - timedelta(seconds=90))
    assert asked().status_code == 200
    assert counter.asked == 2


def test_fifty_at_once_make_one_thing(settings):
    given = {"kind": "prompt", "name": "Once", "config": {"prompts": ["a"]}}

    async def run():
        with serving(settings) as one, serving(settings) as other:
            async with httpx.AsyncClient(timeout=60) as client:
                answers = await asyncio.gather(
                    *(
                        client.post(f"{url}/api/v1/templates", json=given, headers={"Idempotency-Key": "once"})
                        for url in (one, other) * 25
                    )
                )
        database = Database(str(settings.database_url))
        async with database.session() as session:
            made = await session.scalar(select(func.count()).where(Preset.name == "Once"))
        await database.close()
        return answers, made

    answers, made = asyncio.run(run())
    assert made == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["data"]["id"] for answer in answers if answer.status_code == 201}) == 1
