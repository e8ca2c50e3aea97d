"""What the client does when the network or the studio fails: a real server that fails as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mistudio import errors
from mistudio.client.client import Client
from mistudio.errors import BadInput, EngineUnavailable, MistudioError, NotFound, StudioUnavailable, TooManyRequests

Answered = tuple[int, dict[str, Any], dict[str, str]] | None
"""Status, body and headers; None hangs up."""
SYSTEM = {"data": {"version": "1"}}


def failure(code: str, *, retryable: bool, **details: Any) -> dict[str, Any]:
    body = {"code": code, "message": f"It is {code}.", "details": {"remedy": "Do this.", **details}}
    return {"error": body | {"retryable": retryable, "timestamp": "2026-01-01T00:00:00Z"}}


@contextmanager
def server(*answers: Answered) -> Iterator[tuple[str, list[tuple[str, str, Any]]]]:
    """A server that gives these answers in turn, the last one again and again; and the requests that it got."""
    seen: list[tuple[str, str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
            given = answers[min(len(seen), len(answers)) - 1]
            del body
            if given is None:
                self.close_connection = True
                self.connection.close()
                return
            status, content, headers = given
            data = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_address[1]}", seen
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


@pytest.mark.parametrize("status", [404, 409, 422, 500, 503])
def test_errors_come_back_as_the_classes_that_the_studio_names(status: int) -> None:
    for kind in vars(errors).values():
        if not (isinstance(kind, type) and issubclass(kind, MistudioError)):
            continue
        with (
            server((status, failure(kind.__name__, retryable=False, used_by=["a"]), {})) as (url, _),
            Client(url) as studio,
            pytest.raises(kind) as raised,
        ):
            studio.models.get("x")
        assert type(raised.value) is kind
        assert (raised.value.message, raised.value.remedy) == (f"It is {kind.__name__}.", "Do this.")
        assert raised.value.details == {"used_by": ["a"]}
        if status != 404:
            return  # One class is enough for the others.


def test_an_error_that_this_version_does_not_know_is_a_mistudio_error() -> None:
    with server((418, failure("Teapot", retryable=False), {})) as (url, _), Client(url) as studio:
        with pytest.raises(MistudioError, match="Teapot") as raised:
            studio.road()
        assert type(raised.value) is MistudioError


def test_what_is_retryable_is_sent_again_until_it_succeeds() -> None:
    busy = (503, failure("EngineUnavailable", retryable=True), {})
    with server(busy, busy, (200, SYSTEM, {})) as (url, seen), Client(url) as studio:
        assert studio.system.info() == {"version": "1"}
    assert len(seen) == 3


def test_what_is_not_retryable_is_sent_once() -> None:
    refused = (422, failure("BadInput", retryable=False), {})
    with server(refused) as (url, seen), Client(url) as studio, pytest.raises(BadInput):
        studio.datasets.add("/texts")
    assert len(seen) == 1


def test_the_studio_says_how_long_to_wait() -> None:
    limited = (429, failure("TooManyRequests", retryable=True), {"Retry-After": "1"})
    with server(limited, (200, SYSTEM, {})) as (url, _), Client(url) as studio:
        began = time.monotonic()
        studio.system.info()
        assert time.monotonic() - began >= 1.0


def test_a_wait_that_is_too_long_is_not_waited_for() -> None:
    limited = (429, failure("TooManyRequests", retryable=True), {"Retry-After": "3600"})
    with server(limited) as (url, seen), Client(url) as studio, pytest.raises(TooManyRequests):
        studio.system.info()
    assert len(seen) == 1


def test_trying_again_comes_to_an_end() -> None:
    busy = (503, failure("EngineUnavailable", retryable=True), {})
    with server(busy) as (url, seen), Client(url, retry_seconds=1.0) as studio:
        began = time.monotonic()
        with pytest.raises(EngineUnavailable):
            studio.system.info()
        assert time.monotonic() - began < 2.0
    assert 2 <= len(seen) <= 5


def _start_something(studio: Client) -> Any:
    return studio.jobs.cancel("job-1")


def _change_something(studio: Client) -> Any:
    return studio.feature_sets.annotate("found", 1, label="x")


def _delete_something(studio: Client) -> Any:
    return studio.templates.delete("template-1")


@pytest.mark.parametrize("act", [_start_something, _change_something, _delete_something])
def test_a_request_whose_answer_was_lost_is_sent_again_under_the_same_key(act: Callable[[Client], Any]) -> None:
    gone = (404, failure("NotFound", retryable=False), {})
    with server(None, None, gone) as (url, seen), Client(url) as studio:
        with pytest.raises(NotFound):
            act(studio)
        with pytest.raises(NotFound):
            act(studio)
    keys = [headers["idempotency-key"] for _, _, headers in seen]
    assert len(keys) == 4
    assert keys[0] == keys[1] == keys[2] != keys[3]


def test_where_no_studio_is_the_error_says_how_to_start_one() -> None:
    with server((200, SYSTEM, {})) as (url, _):
        pass
    with Client(url, retry_seconds=0.3) as studio, pytest.raises(StudioUnavailable) as raised:
        studio.road()
    assert url in raised.value.message
    assert "mistudio up" in raised.value.remedy


def test_something_else_that_answers_is_not_taken_for_a_studio() -> None:
    other = (404, {"detail": "Not Found"}, {})
    with server(other) as (url, _), Client(url) as studio, pytest.raises(StudioUnavailable, match="is no studio"):
        studio.road()


def test_the_token_is_sent_and_never_shown() -> None:
    with server((200, SYSTEM, {})) as (url, seen), Client(url, token="a-secret-of-mine") as studio:
        studio.system.info()
        assert "secret" not in repr(studio)
    assert seen[0][2]["authorization"] == "Bearer a-secret-of-mine"
