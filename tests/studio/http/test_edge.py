import asyncio
import logging
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from fastapi.responses import StreamingResponse

from mistudio.errors import NotEnoughMemory
from mistudio.studio.app import build_api, in_layers
from mistudio.studio.db.session import Database
from mistudio.studio.events.sockets import LiveEvents
from mistudio.studio.http.edge import Edge
from mistudio.studio.http.rate_limits import RateLimits
from mistudio.studio.settings import Settings
from tests.studio.http.asking import ask


@pytest.fixture
def measured():
    return []


@pytest.fixture
def api(tmp_path, measured):
    """The whole application with some endpoints that do what no real one should."""
    settings = Settings(home=tmp_path, DATABASE_URL="postgresql://nobody@/nothing")
    api = build_api()

    @api.get("/api/v1/broken/{thing_id}")
    async def broken(thing_id: str) -> None:
        raise RuntimeError(f"the password is {thing_id}")

    @api.get("/api/v1/full")
    async def full() -> None:
        raise NotEnoughMemory("It takes 8 GiB and 2 are free.", details={"needed_bytes": 8 << 30})

    @api.get("/api/v1/many")
    async def many() -> list[str]:
        return ["word"] * 1000

    @api.post("/api/v1/steering/slow")
    async def slow() -> StreamingResponse:
        async def words():
            for number in range(3):
                yield f"data: {number}\n\n"
                await asyncio.sleep(0.3)

        return StreamingResponse(words(), media_type="text/event-stream")

    @api.post("/api/v1/steering/torn")
    async def torn() -> StreamingResponse:
        async def words():
            yield "data: 0\n\n"
            raise RuntimeError("the engine is gone")

        return StreamingResponse(words(), media_type="text/event-stream")

    database = Database(str(settings.database_url))
    live = LiveEvents(database, allow=lambda *_: True, is_allowed=lambda *_: True)
    app = in_layers(api, settings, database, RateLimits(settings), live)
    return Edge(app, lambda *request: measured.append(request))


@contextmanager
def served(app):
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_an_answer_carries_the_clients_id_or_a_new_one(api):
    assert (
        ask(api, "GET", "/api/docs", headers={"X-Request-Id": "client-12345"}).headers["x-request-id"] == "client-12345"
    )
    for bad in ("short", "with space and more", "x" * 65, ""):
        assert ask(api, "GET", "/api/docs", headers={"X-Request-Id": bad}).headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("path", ["/", "/api/docs", "/api/v1/nothing", "/api/v1/broken/1", "/assets/nothing.js"])
def test_every_answer_is_sealed(api, path):
    headers = ask(api, "GET", path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"


def test_an_answer_of_the_api_is_not_kept_by_browsers(api):
    assert ask(api, "GET", "/api/v1/many").headers["cache-control"] == "no-store"


def test_a_bug_of_ours_tells_nothing_of_the_inside_and_is_logged_once(api, caplog):
    answer = ask(api, "GET", "/api/v1/broken/hunter2")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "InternalError"
    assert "hunter2" not in answer.text
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [RuntimeError]


def test_an_error_keeps_its_status_and_its_numbers(api):
    error = ask(api, "GET", "/api/v1/full").json()["error"]
    assert (error["code"], error["retryable"]) == ("NotEnoughMemory", True)
    assert error["details"]["needed_bytes"] == 8 << 30


def test_what_is_not_there_is_said_in_the_one_shape(api):
    answer = ask(api, "GET", "/api/v1/nothing")
    assert answer.status_code == 404
    assert answer.json()["error"]["details"]["remedy"] == "See /api/docs for what there is."


def test_a_long_answer_is_compressed_and_a_short_one_is_not(api):
    assert ask(api, "GET", "/api/v1/many").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in ask(api, "GET", "/api/v1/nothing").headers


def test_requests_are_measured_by_the_pattern_of_their_address(api, measured):
    for path in ("/api/v1/broken/1", "/api/v1/broken/2", "/api/v1/nothing", "/training/x", "/api/v1/many"):
        ask(api, "GET", path)
    assert [(route, status) for _, route, status, _ in measured] == [
        ("/api/v1/broken/{thing_id}", 500),
        ("/api/v1/broken/{thing_id}", 500),
        ("unknown", 404),
        ("page", 200),
        ("/api/v1/many", 200),
    ]


def test_a_request_leaves_one_line_without_its_query(api, caplog):
    with caplog.at_level(logging.INFO, "mistudio.studio.access"):
        ask(api, "GET", "/api/v1/many?token=hunter2")
    (record,) = [record for record in caplog.records if record.name == "mistudio.studio.access"]
    assert (record.method, record.path, record.status) == ("GET", "/api/v1/many", 200)
    assert record.bytes > 0
    assert "hunter2" not in str(vars(record))


@pytest.mark.parametrize("encoding", ["identity", "gzip, br"])
def test_a_stream_passes_through_every_layer_as_it_is_made(api, encoding):
    asked = {"headers": {"Accept-Encoding": encoding}}
    with served(api) as url, httpx.stream("POST", f"{url}/api/v1/steering/slow", **asked) as answer:
        begun = time.monotonic()
        times = [time.monotonic() - begun for _ in answer.iter_text()]
    assert "content-encoding" not in answer.headers
    assert answer.headers["x-ratelimit-limit"]
    assert len(times) == 3
    assert times[0] < 0.25
    assert times[2] - times[0] > 0.4


def test_a_stream_that_breaks_ends_and_is_logged(api, caplog):
    with served(api) as url:
        with pytest.raises(httpx.RemoteProtocolError), httpx.stream("POST", f"{url}/api/v1/steering/torn") as answer:
            list(answer.iter_text())
        assert httpx.get(f"{url}/api/docs").status_code == 200
    assert any(record.exc_info and record.exc_info[0] is RuntimeError for record in caplog.records)
