"""The shapes that every answer has: an envelope around one thing or a page of things, and one shape of error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from mistudio.studio.logs import current_request_id

Item = TypeVar("Item")


class ApiModel(BaseModel):
    """The base of everything that the API answers: every field is always there."""

    model_config = ConfigDict(
        from_attributes=True, use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    )


class Meta(ApiModel):
    """About the answer."""

    timestamp: datetime
    request_id: str


class Pagination(ApiModel):
    """Which part of a list this is."""

    page: int
    """From 1."""
    limit: int
    """Items a page."""
    total: int
    """Items in all."""
    has_next: bool


def _meta() -> Meta:
    return Meta(timestamp=datetime.now(UTC), request_id=current_request_id())


# Each `Data[…]` is a class of its own, and to look for its fields' docstrings costs 20 ms: a second of every start.
_NO_DOCSTRINGS = ConfigDict(use_attribute_docstrings=False)


class Data(ApiModel, Generic[Item]):
    """One thing."""

    model_config = _NO_DOCSTRINGS

    data: Item
    meta: Meta = Field(default_factory=_meta)


class Page(ApiModel, Generic[Item]):
    """Some things of a list."""

    model_config = _NO_DOCSTRINGS

    data: list[Item]
    meta: Meta = Field(default_factory=_meta)
    pagination: Pagination


class ErrorBody(ApiModel):
    """What went wrong, and what to do."""

    code: str
    message: str
    details: dict[str, Any]
    """Always has `remedy`; of an invalid request also `field`, `value` and `constraints`."""
    retryable: bool
    timestamp: datetime


class ErrorAnswer(ApiModel):
    """Every answer of status 400 and above."""

    error: ErrorBody
