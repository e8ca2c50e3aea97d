"""Lists that come in pages, read as they are walked through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from mistudio.client.transport import Transport

Item = TypeVar("Item")
_ITEMS_A_PAGE = 100


class Pages(Generic[Item]):
    """The items of a list, in its order; a page is fetched when it is reached.

    Args:
        query: filters and order of the list.
    """

    def __init__(self, transport: Transport, path: str, item: type[Item], query: Mapping[str, Any]) -> None:
        self._transport, self._path, self._query = transport, path, query
        self._items = TypeAdapter(list[item])  # type: ignore[valid-type]

    def __iter__(self) -> Iterator[Item]:
        number = 1
        while True:
            answer = self._fetch(number, _ITEMS_A_PAGE)
            yield from self._items.validate_python(answer["data"])
            if not answer["pagination"]["has_next"]:
                return
            number += 1

    def page(self, number: int = 1, limit: int = 50) -> list[Item]:
        """One page, counted from 1."""
        return self._items.validate_python(self._fetch(number, limit)["data"])

    @property
    def total(self) -> int:
        """How many there are now."""
        return int(self._fetch(1, 1)["pagination"]["total"])

    def _fetch(self, number: int, limit: int) -> Any:
        return self._transport.get(self._path, **self._query, page=number, limit=limit)
