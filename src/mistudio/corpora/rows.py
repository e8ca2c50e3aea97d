"""One row of a table, whatever it was read from, as the text of a document.

The column asked for is the text; every other scalar (string, number, truth value, date) is metadata; lists and
nested values are left out.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from mistudio.corpora.description import Scalar
from mistudio.errors import BadInput


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text as it was found. `text` may be empty; such texts are counted and left out."""

    name: str
    text: str
    metadata: dict[str, Scalar]


def text_of_row(row: object, column: str, *, name: str, origin: str) -> SourceText:
    """The row's text and metadata; a row that is a bare string is its own text.

    Args:
        name: what the document shall be called.
        origin: how an error names the place.

    Raises:
        BadInput: the column is missing, or holds something other than text.
    """
    if isinstance(row, str):
        return SourceText(name, row, {})
    if not isinstance(row, Mapping):
        raise BadInput(f"{origin} is {_kind_of(row)}, and an object with a key {column!r} is wanted.")
    if column not in row:
        raise missing_column(column, row.keys(), origin)
    value = row[column]
    if value is not None and not isinstance(value, str):
        raise BadInput(
            f"Column {column!r} of {origin} holds {_kind_of(value)}, not text.",
            remedy="Name a column of plain text with --column.",
        )
    return SourceText(name, value or "", scalars(row, without=column))


def scalars(row: Mapping[Any, object], *, without: str) -> dict[str, Scalar]:
    """The row's scalar values by column, as JSON can hold them."""
    kept: dict[str, Scalar] = {}
    for key, value in row.items():
        if key == without or not isinstance(key, str):
            continue
        if isinstance(value, float) and not math.isfinite(value):
            kept[key] = None
        elif value is None or isinstance(value, str | int | float):
            kept[key] = value
        elif isinstance(value, datetime | date | time):
            kept[key] = value.isoformat()
        elif isinstance(value, Decimal):
            kept[key] = str(value)
    return kept


def missing_column(column: str, known: Iterable[Any], origin: str) -> BadInput:
    """The error for a column that is not there; it names those that are, and the likeliest."""
    names = [str(name) for name in known]
    near = difflib.get_close_matches(column, names, n=1)
    columns = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return BadInput(
        f"{origin} has no column {column!r}; it has {columns or 'none'}.",
        remedy=f"Did you mean --column {near[0]}?" if near else "Name the column that holds the text with --column.",
    )


def _kind_of(value: object) -> str:
    names = {bool: "a truth value", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return "nothing" if value is None else names.get(type(value), f"a {type(value).__name__}")
