"""What all kinds of things of the studio have in common: they are listed, got, made by jobs, and deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from mistudio.client.answers import Job, Ref, Thing
from mistudio.client.jobs import Jobs, Pending
from mistudio.client.listing import Pages
from mistudio.client.transport import Transport

Kind = TypeVar("Kind", bound=Thing)
Reference = str | Thing | Ref
"""A thing, or its id or name."""


class Things(Generic[Kind]):
    """One kind of things.

    Args:
        path: of their list.
        kind: the class of one.
    """

    def __init__(self, transport: Transport, jobs: Jobs, path: str, kind: type[Kind]) -> None:
        self._transport, self._jobs, self._path, self._kind = transport, jobs, path, kind

    def list(self, *, search: str | None = None, **query: Any) -> Pages[Kind]:
        """All of them, newest first.

        Args:
            search: text that must occur.
            query: what else the list is filtered or sorted by, such as `sortBy` and `order`.
        """
        return Pages(self._transport, self._path, self._kind, {"search": search, **query})

    def get(self, thing: Reference) -> Kind:
        """One, by id or name.

        Raises:
            NotFound: there is none.
        """
        return self._kind.model_validate(self._transport.get(f"{self._path}/{id_of(thing)}")["data"])

    def delete(self, thing: Reference, *, force: bool = False) -> Pending[None]:
        """Remove one from the disk.

        Args:
            force: also if other things were made of it: they stay, and lose the link.

        Raises:
            StillUsed: other things were made of it.
        """
        query = {"force": True} if force else {}
        answer = self._transport.delete(f"{self._path}/{id_of(thing)}", **query)
        return Pending(job_of(answer), self._jobs, lambda _: None)

    def _make(self, path: str, body: Mapping[str, Any]) -> Pending[Kind]:
        answer = self._transport.post(path, sendable(body))
        return Pending(job_of(answer), self._jobs, self.get)


def id_of(thing: Reference) -> str:
    """The id, or the name, that stands for a thing."""
    return thing if isinstance(thing, str) else thing.id


def ids_of(things: Reference | Sequence[Reference]) -> list[str]:
    """The ids of one thing or several."""
    return [id_of(things)] if isinstance(things, str | Thing | Ref) else [id_of(each) for each in things]


def sendable(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request: what is None is left out, and configurations are written as JSON."""
    return {
        name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        for name, value in body.items()
        if value is not None
    }


def job_of(answer: Mapping[str, Any]) -> Job:
    """The job that an answer tells of."""
    return Job.model_validate(answer["data"]["job"])
