"""The id of the request that is being answered: in the answer, its header and every line that is logged meanwhile."""

from __future__ import annotations

import re
import uuid

from mistudio.studio.logs import belong_to_request

_ACCEPTED = re.compile(r"[A-Za-z0-9_-]{8,64}")
HEADER = "X-Request-Id"


def begin_request(given: str | None) -> str:
    """Take the client's id, if it is a decent one, or make one."""
    request_id = given if given and _ACCEPTED.fullmatch(given) else f"req_{uuid.uuid4().hex[:16]}"
    belong_to_request(request_id)
    return request_id
