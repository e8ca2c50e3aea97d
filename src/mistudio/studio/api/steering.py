"""Steering: the model goes on by itself and with latents edited, side by side in one batch."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from mistudio.errors import EngineUnavailable, MistudioError, NotAllowedNow, NotFound
from mistudio.steering.strengths import SuggestedStrengths, suggest
from mistudio.studio.db.features import Feature
from mistudio.studio.engine.messages import GenerateEvent
from mistudio.studio.http.dependencies import Studio, Transaction
from mistudio.studio.http.disconnects import while_connected
from mistudio.studio.http.errors import body_of, errors, errors_beside_a_stream
from mistudio.studio.http.schemas import Data
from mistudio.studio.http.steering import (
    SteeringDone,
    SteeringEvent,
    SteeringFailed,
    SteeringPlan,
    SteeringRequest,
    SteeringResult,
    row_of,
)

router = APIRouter(prefix="/steering", tags=["steering"])

_EXAMPLES = {
    "one latent": {
        "summary": "One latent, turned up",
        "value": {
            "feature_set_id": "features-19267fd43806",
            "prompts": ["My fellow citizens, the most important question before us is"],
            "edits": [{"latent": 1234, "strength": 2.0}],
        },
    },
    "several ways": {
        "summary": "Several ways to steer, in one batch",
        "value": {
            "feature_set_id": "features-19267fd43806",
            "prompts": ["Last summer my family and I"],
            "variants": [
                {"name": "more", "edits": [{"latent": 1234, "strength": 2.0}]},
                {"name": "none of it", "edits": [{"latent": 1234, "mode": "clamp", "strength": 0.0}]},
            ],
            "generate": {"max_new_tokens": 32, "temperature": 0.8, "seed": 7},
        },
    },
}
Wanted = Annotated[SteeringRequest, Body(openapi_examples=_EXAMPLES)]


class StrengthSuggestion(SuggestedStrengths):
    """Strengths to begin with, for adding."""

    latent: int
    max_activation: float
    """What a strength of 1 adds."""


class _Steering:
    """A comparison that the engine has begun; its first event is known, so what refuses it at once has an answer."""

    def __init__(self, plan: SteeringPlan, first: GenerateEvent, rest: AsyncIterator[GenerateEvent]) -> None:
        self.plan, self._first, self._rest = plan, first, rest

    async def events(self) -> AsyncIterator[SteeringEvent]:
        """What happens, as the page sees it."""
        yield self.plan.event_of(self._first)
        async for event in self._rest:
            yield self.plan.event_of(event)


async def _begin(wanted: Wanted, studio: Studio, request: Request) -> AsyncIterator[_Steering]:
    # The database is not held while the engine writes.
    async with studio.database.session() as session:
        plan = await SteeringPlan.make(session, wanted)
    client = request.client.host if request.client else ""
    async with studio.engine.generate(plan.for_engine(), client=client) as events:
        yield _Steering(plan, await while_connected(request, anext(events)), events)


Begun = Annotated[_Steering, Depends(_begin)]


@router.post(
    "/generate",
    name="generate_steered",
    response_class=EventSourceResponse,
    responses=errors_beside_a_stream(404, 409, 503),
    response_description="Events as they happen: `waiting`, `loading`, `start`, `tokens`, then `done` or `error`.",
)
async def generate_steered(steering: Begun) -> AsyncIterable[SteeringEvent]:
    """Write the baseline and the steered texts, a token at a time. Hanging up stops the writing."""
    try:
        async for event in steering.events():
            yield ServerSentEvent(event=event.root.type, data=event)  # type: ignore[misc]
    except MistudioError as error:
        yield ServerSentEvent(event="error", data=SteeringFailed(error=body_of(error)))  # type: ignore[misc]


@router.post("/compare", responses=errors(404, 409, 503))
async def compare_steered(steering: Begun, request: Request) -> Data[SteeringResult]:
    """The same in one answer, when all is written. Hanging up stops the writing."""
    return Data(data=await while_connected(request, _result(steering)))


async def _result(steering: _Steering) -> SteeringResult:
    async for event in steering.events():
        if isinstance(event.root, SteeringDone):
            return event.root.result
    raise EngineUnavailable("The engine ended while it was writing.")


@router.get("/suggestion", responses=errors(404, 409))
async def suggest_strengths(
    transaction: Transaction,
    feature_set_id: Annotated[str, Query(description="Id or name of the feature set.")],
    latent: Annotated[int, Query(ge=0, description="Number of the latent.")],
) -> Data[StrengthSuggestion]:
    """Strengths to begin with, from the latent's largest activation and the norms at the hook point."""
    features = await row_of(transaction.session, "feature_set", feature_set_id)
    if latent >= features.latents:
        raise NotFound(f"There is no latent {latent}.", remedy=f"Latents are numbered 0 to {features.latents - 1}.")
    row = await transaction.session.get(Feature, (features.id, latent))
    if row is None:
        raise NotAllowedNow(f"The features of {features.name} are still being read.", remedy="Try again in a moment.")
    described = features.manifest["config"].get("filter") or {}
    strengths = suggest(row.max, described.get("median_norm"))
    return Data(data=StrengthSuggestion(**strengths.model_dump(), latent=latent, max_activation=row.max))
