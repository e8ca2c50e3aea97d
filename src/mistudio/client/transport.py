"""Requests to a studio, sent again where that is safe; its errors come back as the classes that they are there.

1. What could not be delivered, and what the studio calls retryable, is sent again with growing pauses, or after as long
   as it says (Retry-After), until `retry_seconds` are over.
2. A POST, PATCH or DELETE carries an Idempotency-Key, the same one each time: the studio does it once.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from mistudio import errors
from mistudio.errors import MistudioError, StudioUnavailable

API = "/api/v1"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_KEYED = frozenset({"POST", "PATCH", "DELETE"})


class Transport:
    """One studio's HTTP interface.

    Args:
        url: of the studio.
        token: for a studio that wants one.
        timeout: seconds that one answer may take.
        retry_seconds: how long a request is tried again; 0 tries once.
    """

    def __init__(self, url: str, token: str | None, timeout: float, retry_seconds: float) -> None:
        self.url = url.rstrip("/")
        self._retry_seconds = retry_seconds
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=self.url + API, headers=headers, timeout=timeout)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """What a GET answers, envelope included."""
        return self.request("GET", path, query=query)

    def post(self, path: str, body: object = None) -> Any:
        """What a POST answers."""
        return self.request("POST", path, body=body)

    def patch(self, path: str, body: object) -> Any:
        """What a PATCH answers."""
        return self.request("PATCH", path, body=body)

    def put(self, path: str, body: object) -> Any:
        """What a PUT answers."""
        return self.request("PUT", path, body=body)

    def delete(self, path: str, **query: Any) -> Any:
        """What a DELETE answers."""
        return self.request("DELETE", path, query=query)

    def request(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: object = None) -> Any:
        """The answer to a request.

        Raises:
            MistudioError: of the class that the studio names.
            StudioUnavailable: no studio answers.
        """
        headers = {"Idempotency-Key": str(uuid.uuid4())} if method in _KEYED else {}
        given = {name: value for name, value in (query or {}).items() if value is not None}
        until, pause = time.monotonic() + self._retry_seconds, _FIRST_PAUSE
        while True:
            try:
                answer = self._http.request(method, path, params=given, json=body, headers=headers)
                if not answer.is_error:
                    return answer.json()
                error, wait = error_of(answer), _pause_of(answer)
            except httpx.TransportError as failure:
                error, wait = self._unavailable(failure), pause
            if wait is None or time.monotonic() + max(wait, pause) > until:
                raise error
            time.sleep(max(wait, pause))
            pause = min(2 * pause, _LONGEST_PAUSE)

    @contextmanager
    def stream(self, path: str, body: object) -> Iterator[httpx.Response]:
        """The answer to a POST as it comes; leaving the context hangs up.

        Raises:
            MistudioError: of the class that the studio names.
            StudioUnavailable: no studio answers, or it went away.
        """
        try:
            with self._http.stream("POST", path, json=body) as answer:
                if answer.is_error:
                    answer.read()
                    raise error_of(answer)
                yield answer
        except httpx.TransportError as failure:
            raise self._unavailable(failure) from failure

    def _unavailable(self, failure: httpx.TransportError) -> MistudioError:
        if isinstance(failure, httpx.TimeoutException):
            return StudioUnavailable(f"The studio at {self.url} did not answer in time.")
        return StudioUnavailable(f"No studio answers at {self.url}.")


def error_of(answer: httpx.Response) -> MistudioError:
    """The error that an answer carries."""
    try:
        body = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return StudioUnavailable(f"What answers at {answer.url} with {answer.status_code} is no studio.")
    return error_of_body(body)


def error_of_body(body: Mapping[str, Any]) -> MistudioError:
    """An error of the class that its code names; `MistudioError` where this version knows no such class."""
    kind = getattr(errors, body["code"], None)
    if not (isinstance(kind, type) and issubclass(kind, MistudioError)):
        kind = MistudioError
    details = dict(body.get("details") or {})
    remedy = details.pop("remedy", None) or body.get("remedy")
    return kind(body["message"], remedy=remedy, details=details)


def _pause_of(answer: httpx.Response) -> float | None:
    """Seconds to wait before the request is sent again; None if that is of no use."""
    try:
        if not answer.json()["error"]["retryable"]:
            return None
    except (ValueError, KeyError, TypeError):
        return None
    try:
        return float(answer.headers.get("Retry-After", 0))
    except ValueError:
        return 0.0
