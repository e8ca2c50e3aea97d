"""The log: a JSON object a line on standard output, with the request or job that it belongs to and without secrets.

A job's log is read by people, so it has plain lines; it holds no secrets either.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, NoReturn

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from mistudio.studio.settings import Settings

HIDDEN = "[hidden]"
_SECRET_NAMES = re.compile(r"authorization|cookie|token|secret|password|(?<!idempotency_)key", re.IGNORECASE)
_SECRET_VALUES = re.compile(
    r"(?P<before>\b(?:Bearer|Basic)\s+|(?:token|secret|password|api_?key)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,@)\]}]+"
    r"|(?P<user>://[^/\s:@]*:)[^/\s@]+(?=@)"
    r"|\bhf_[A-Za-z0-9]{8,}|\bsk-[A-Za-z0-9_-]{16,}",
    re.IGNORECASE,
)

_REQUEST: ContextVar[str] = ContextVar("request_id", default="")
_MARKS = frozenset(" =:_-")
"""One of these is in every text that a pattern above fits."""


def belong_to_request(request_id: str) -> None:
    """Let every line that this task, and what it starts, writes from now on name the request."""
    _REQUEST.set(request_id)


def current_request_id() -> str:
    """The id of the request that is being answered; an empty text outside one."""
    return _REQUEST.get()


def configure_logging(settings: Settings) -> None:
    """Write every logger's lines to standard output, from the settings' level up."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter(settings))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "engineio", "socketio"):
        logging.getLogger(name).handlers.clear()
    for name in ("engineio.server", "socketio.server", "httpx", "asyncio", "kombu", "amqp"):
        logging.getLogger(name).setLevel(logging.WARNING)


def write_plain_lines(settings: Settings) -> None:
    """Write every logger's lines, and whatever else is written to standard output and error, as plain text."""
    sys.stdout, sys.stderr = (_WithoutSecrets(descriptor, hiding(settings)) for descriptor in (1, 2))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout, force=True)
    logging.captureWarnings(True)


class _WithoutSecrets(io.TextIOWrapper):
    """Text to a descriptor."""

    def __init__(self, descriptor: int, hide: Callable[[str], str]) -> None:
        file = open(descriptor, "wb", closefd=False)  # noqa: SIM115  it lives as long as the process
        super().__init__(file, encoding="utf-8", errors="backslashreplace", line_buffering=True, write_through=True)
        self._hide = hide

    def write(self, text: str, /) -> int:
        """Write a text without its secrets; how long it was."""
        super().write(self._hide(text))
        return len(text)


def formatter(settings: Settings) -> logging.Formatter:
    """What makes a line of a record."""
    steps: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_request_id,
        structlog.processors.format_exc_info,
        redactor(settings),
    ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=steps,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _without_colors,
            structlog.processors.JSONRenderer(sort_keys=False, default=str),
        ],
    )


def is_hidden(name: str, value: object) -> bool:
    """Whether the value of what is called so is nobody's business; a number of tokens opens no door."""
    return not isinstance(value, bool | int | float | None) and _SECRET_NAMES.search(name) is not None


def hiding(settings: Settings) -> Callable[[str], str]:
    """What gives a text without secrets: whatever looks like one or is known."""
    known = sorted({*settings.tokens, *_passwords(settings)}, key=len, reverse=True)

    def scrub(text: str) -> str:
        for secret in known:
            text = text.replace(secret, HIDDEN)
        if _MARKS.isdisjoint(text):  # Most values of a line are short words; this is asked of each.
            return text
        return _SECRET_VALUES.sub(lambda match: f"{match['before'] or match['user'] or ''}{HIDDEN}", text)

    return scrub


def redactor(settings: Settings) -> Processor:
    """Hides secrets: the values of fields that are called like one, and what `hiding` hides in the others."""
    scrub = hiding(settings)

    def clean(value: Any, name: str = "") -> Any:
        if is_hidden(name, value):
            return HIDDEN
        if isinstance(value, bool | int | float | None):
            return value
        if isinstance(value, Mapping):
            return {key: clean(each, str(key)) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [clean(each) for each in value]
        return scrub(value if isinstance(value, str) else str(value))

    def redact(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
        return {name: value if name.startswith("_") else clean(value, name) for name, value in line.items()}

    return redact


def _passwords(settings: Settings) -> set[str]:
    found = (re.search(r"://[^/\s:@]*:([^@\s]+)@", url) for url in (settings.database_url, settings.redis_url) if url)
    return {match[1] for match in found if match}


def _without_colors(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    line.pop("color_message", None)  # uvicorn says everything twice.
    return line


def _add_request_id(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    if request_id := current_request_id():
        line.setdefault("request_id", request_id)
    return line


def end_process(code: int) -> NoReturn:
    """End now, with all written that was logged: no thread is waited for, no module is taken apart."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
