"""Errors on their way from the engine to a client: class, sentence and remedy arrive as they left.

The message travels as the status' details, class and remedy as trailing metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import grpc

from mistudio import errors
from mistudio.errors import EngineUnavailable, MistudioError

_KIND, _REMEDY = "mistudio-error", "mistudio-remedy-bin"
_LONGEST = 2000
"""Characters of a sentence that travel; metadata has little room."""
_CODES = {
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.FAILED_PRECONDITION,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.RESOURCE_EXHAUSTED,
    507: grpc.StatusCode.RESOURCE_EXHAUSTED,
}


@dataclass(frozen=True)
class Failure:
    """What a call is ended with."""

    code: grpc.StatusCode
    details: str
    metadata: tuple[tuple[str, str | bytes], ...]


def failure_of(error: Exception) -> Failure:
    """How an error travels; what is not a `MistudioError` is a bug of ours, and its traceback is in the log."""
    if not isinstance(error, MistudioError):
        error = MistudioError(
            f"The engine failed: {type(error).__name__}: {error}",
            remedy="Report it together with the traceback in the studio's engine.log.",
        )
    return Failure(
        code=_CODES.get(error.status, grpc.StatusCode.INTERNAL),
        details=error.message[:_LONGEST],
        metadata=((_KIND, type(error).__name__), (_REMEDY, error.remedy[:_LONGEST].encode())),
    )


def error_of(code: grpc.StatusCode, details: str, metadata: Mapping[str, str | bytes], address: str) -> MistudioError:
    """The error that the engine sent, or what it means that it sent none."""
    kind = getattr(errors, str(metadata.get(_KIND, "")), None)
    if isinstance(kind, type) and issubclass(kind, MistudioError):
        remedy = metadata.get(_REMEDY, b"")
        return kind(details, remedy=remedy.decode() if isinstance(remedy, bytes) else remedy)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return EngineUnavailable(f"The engine at {address} did not answer in time.")
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return EngineUnavailable(f"The engine at {address} ended while it was working on this.")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return EngineUnavailable(
            f"The engine at {address} does not know this call: it is of another version.",
            remedy="Stop the studio with `mistudio down` and start it again with `mistudio up`.",
        )
    return MistudioError(f"The engine at {address} could not be asked: {details or code.name}.")
