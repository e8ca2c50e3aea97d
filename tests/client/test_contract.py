"""The client's classes say what the studio's OpenAPI document says."""

from __future__ import annotations

from typing import Any

import pytest

from mistudio.client import answers
from mistudio.client.answers import Answer, Template, Thing

CLASSES = sorted(
    (each for each in vars(answers).values() if isinstance(each, type) and issubclass(each, Answer)),
    key=lambda each: each.__name__,
)
CONCRETE = [each for each in CLASSES if each not in (Answer, Thing)]


@pytest.fixture(scope="session")
def schemas() -> dict[str, Any]:
    from mistudio.studio.app import build_api

    found: dict[str, Any] = build_api().openapi()["components"]["schemas"]
    return found


@pytest.mark.parametrize("answer", CONCRETE, ids=lambda each: each.__name__)
def test_every_field_is_always_answered_and_is_of_the_type_that_the_client_expects(
    answer: type[Answer], schemas: dict[str, Any]
) -> None:
    mine = answer.model_json_schema()
    for theirs in _answered(answer, schemas):
        for name, field in mine["properties"].items():
            assert name in theirs["properties"], f"the studio answers no {name}"
            assert name in theirs["required"], f"the studio may leave {name} out"
            expected = _types(field, mine.get("$defs", {}))
            answered = _types(theirs["properties"][name], schemas)
            assert answered <= expected, f"{name} may be {answered}, and the client expects {expected}"


def _answered(answer: type[Answer], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if answer is not Template:
        return [schemas[answer.schema_name]]
    kinds = schemas["TemplateOut"]["discriminator"]["mapping"].values()
    return [schemas[each.rpartition("/")[2]] for each in kinds]


def _types(field: dict[str, Any], definitions: dict[str, Any]) -> set[str]:
    """JSON types that a value may have; whole numbers are numbers."""
    if "$ref" in field:
        return _types(definitions[field["$ref"].rpartition("/")[2]], definitions)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in field:
            return set().union(*(_types(each, definitions) for each in field[several]))
    if "const" in field or "enum" in field:
        return {"string"}
    kind = field.get("type", "object")
    if kind == "array":
        return {f"array of {each}" for each in _types(field.get("items", {}), definitions)}
    return {"number", "integer"} if kind == "number" else {kind}


def test_every_class_names_its_schema() -> None:
    names = [answer.schema_name for answer in CONCRETE]
    assert len(set(names)) == len(names) > 20
