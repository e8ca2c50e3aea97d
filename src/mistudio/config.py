"""The base of every configuration class: frozen, closed, and the one source of options, schema and manifest."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """A frozen set of options; every field has a default or is required, a description and its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=())


def path_of(location: Sequence[int | str], choices: Collection[str]) -> str:
    """Where a value stands, such as `sae.k`, from where pydantic says an error is.

    Args:
        location: an error's `loc`.
        choices: tags of unions, which pydantic puts behind the field that holds the union.
    """
    return ".".join(str(part) for part in location if part not in choices)
