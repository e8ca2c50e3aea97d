"""Failures as answers: a `MistudioError` has its status, anything else is a bug and says no more than that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from mistudio.config import path_of
from mistudio.errors import MistudioError
from mistudio.sae.config import TRAINABLE
from mistudio.studio.http.schemas import ErrorAnswer, ErrorBody
from mistudio.studio.logs import HIDDEN, is_hidden

_RETRYABLE = frozenset({408, 425, 429, 502, 503, 504})
WORDS = {
    400: ("BadRequest", "The request is not understood."),
    401: ("Unauthorized", "This studio wants a token."),
    403: ("Forbidden", "This is not allowed."),
    404: ("NotFound", "There is nothing at this address."),
    405: ("MethodNotAllowed", "This address does not take this method."),
    409: ("Conflict", "This cannot be done in the present state."),
    413: ("TooLarge", "What was sent is too large."),
    415: ("UnsupportedMediaType", "This kind of content is not taken here."),
    422: ("BadInput", "Something in the request has a value that cannot work."),
    429: ("TooManyRequests", "Too many requests in a short time."),
    500: ("InternalError", "Something went wrong here."),
    502: ("DownloadFailed", "What is elsewhere could not be fetched."),
    503: ("Unavailable", "This cannot be done at the moment."),
    507: ("DiskFull", "The disk is full."),
}


def answer(
    status: int,
    code: str,
    message: str,
    details: dict[str, Any],
    headers: dict[str, str] | None = None,
    *,
    retryable: bool | None = None,
) -> JSONResponse:
    """An error as a response; whether it may be sent again follows from the status where it is not said."""
    body = _body(status, code, message, details, retryable)
    return JSONResponse(ErrorAnswer(error=body).model_dump(mode="json"), status_code=status, headers=headers)


def of_error(
    error: MistudioError, headers: dict[str, str] | None = None, *, retryable: bool | None = None
) -> JSONResponse:
    """A library's or the studio's error as a response."""
    body = body_of(error)
    return answer(error.status, body.code, body.message, body.details, headers, retryable=retryable)


def of_bug() -> JSONResponse:
    """The answer to whatever is no error of ours: it tells nothing of the inside."""
    remedy = "This is a bug: please report it with the request's id and the log of the API."
    return answer(500, *WORDS[500], {"remedy": remedy})


def body_of(error: MistudioError) -> ErrorBody:
    """A library's or the studio's error, for a stream that has begun."""
    details = {"remedy": error.remedy, **error.details}
    return _body(error.status, type(error).__name__, error.message, details)


def _body(status: int, code: str, message: str, details: dict[str, Any], retryable: bool | None = None) -> ErrorBody:
    if retryable is None:
        retryable = status in _RETRYABLE
    return ErrorBody(code=code, message=message, details=details, retryable=retryable, timestamp=datetime.now(UTC))


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an endpoint that can fail with these statuses, besides 422 and 500."""
    return {status: {"model": ErrorAnswer, "description": WORDS[status][1]} for status in sorted({*statuses, 422})}


def errors_beside_a_stream(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for an endpoint that answers with something other than JSON: its errors are JSON all the same."""
    schema = {"$ref": f"#/components/schemas/{ErrorAnswer.__name__}"}
    return {
        status: {"description": WORDS[status][1], "content": {"application/json": {"schema": schema}}}
        for status in sorted({*statuses, 422})
    }


def install(app: FastAPI) -> None:
    """Answer every failure of the app in the one shape."""

    @app.exception_handler(MistudioError)
    async def _ours(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, MistudioError)
        return of_error(error)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code, words = WORDS.get(error.status_code, ("Error", str(error.detail)))
        remedy = "See /api/docs for what there is." if error.status_code in (404, 405) else str(error.detail)
        return answer(error.status_code, code, words, {"remedy": remedy}, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return _validation(error)

    @app.exception_handler(Exception)
    async def _bug(_: Request, error: Exception) -> JSONResponse:
        del error  # The framework raises it again, and the edge logs it.
        return of_bug()


def _validation(error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    field = path_of(first["loc"][1:], TRAINABLE) or str(first["loc"][0])
    constraints = {
        name: value for name, value in (first.get("ctx") or {}).items() if isinstance(value, str | int | float)
    }
    value = first.get("input")
    shown = value if isinstance(value, str | int | float | bool | None) else type(value).__name__
    details = {
        "remedy": "Correct this field; /api/docs describes it.",
        "field": field,
        "value": HIDDEN if is_hidden(field, value) else shown,
        "constraints": constraints,
        "problems": [f"{path_of(each['loc'][1:], TRAINABLE)}: {each['msg']}" for each in error.errors()[:20]],
    }
    message = f"{field}: {first['msg'].removeprefix('Value error, ')}."
    return answer(422, "BadInput", message, details)
