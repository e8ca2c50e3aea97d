"""Live events for those without a socket: what was published on a channel, to be asked for again and again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from mistudio.errors import NotFound
from mistudio.studio.db import events
from mistudio.studio.events.catalogue import CHANNELS, Envelope, is_channel
from mistudio.studio.http.dependencies import Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.schemas import Page, Pagination

router = APIRouter(prefix="/events", tags=["events"])


@router.get("", responses=errors(404))
async def list_events(
    transaction: Transaction,
    channel: Annotated[str, Query(max_length=128, description=f"One of: {', '.join(CHANNELS)}.", examples=["jobs"])],
    after: Annotated[int, Query(ge=0, le=2**62, description="Only events with a greater `seq`.")] = 0,
    limit: Annotated[int, Query(ge=1, le=500, description="Events at most.")] = 200,
) -> Page[Envelope]:
    """Events of a channel, oldest first; they are kept for half an hour. Sockets deliver the same envelopes.

    Ask again with the last `seq` as `after`.
    """
    if not is_channel(channel):
        raise NotFound(f"There is no channel {channel!r}.", remedy=f"The channels are {', '.join(CHANNELS)}.")
    rows, total = await events.page(transaction.session, channel, after, limit=limit)
    found = [
        Envelope.model_validate({"seq": row.seq, "channel": row.channel, "data": row.payload, "timestamp": row.at})
        for row in rows
    ]
    return Page(data=found, pagination=Pagination(page=1, limit=limit, total=total, has_next=total > len(found)))
