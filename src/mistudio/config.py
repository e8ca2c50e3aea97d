"""The base of every configuration class: frozen, closed, and the one source of options, schema and manifest."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """A frozen set of options; every field has a default or is required, a description and its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=())
