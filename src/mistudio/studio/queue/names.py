"""Names in the store for what nobody named."""

from __future__ import annotations

import re
from itertools import count

from mistudio.artifacts.atomic import partial_of
from mistudio.studio.db import jobs
from mistudio.studio.db.artifacts import KINDS
from mistudio.studio.db.session import Session
from mistudio.studio.queue.requests import Request
from mistudio.studio.settings import Settings

_LONGEST = 90
_ENDING = re.compile(r"\.(txt|md|jsonl?|csv|parquet|gguf)$", re.IGNORECASE)


def slug(*parts: str) -> str:
    """A name that still says what it was made from: of a path or Hub id the last part, without a file's ending."""
    tails = [_ENDING.sub("", re.split(r"[/\\:]", part.rstrip("/"))[-1]) for part in parts]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(tails)).strip("-._")
    return name[:_LONGEST].rstrip("-._") or "unnamed"


async def free_name(session: Session, settings: Settings, request: Request, wanted: str) -> str:
    """`wanted`, or with a number behind it the first that neither the store nor a job that has not ended has."""
    assert request.makes is not None
    kind: str = type(request).model_fields["kind"].default
    for number in count(1):
        name = wanted if number == 1 else f"{wanted}-{number}"
        path = settings.store.path(KINDS[request.makes], name)
        if path.exists() or partial_of(path).exists() or await jobs.makes(session, kind, name):
            continue
        if not path.exists():  # Nor did a job end while this one waited for the name.
            return name
    raise AssertionError
