"""The interface that programs and pages are built on: documented in full, and the types on disk are its own."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from typing import get_args

import pytest

from mistudio.studio.app import build_api
from mistudio.studio.events import catalogue
from mistudio.studio.http.openapi import TAGS
from tests.house.tree import ROOT, SOURCE, product_files, syntax_of

EVENTS = get_args(catalogue.Event)


@cache
def document():
    return build_api().openapi()


def operations():
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield pytest.param(operation, id=f"{method.upper()} {path}")


def test_the_document_that_the_pages_types_come_from_is_current():
    written = json.loads((ROOT / "ui" / "openapi.json").read_text(encoding="utf-8"))
    assert written == document(), "run `make types`"


@pytest.mark.parametrize("operation", list(operations()))
def test_every_endpoint_says_what_it_does_and_how_it_fails(operation):
    assert len(operation["description"].split()) >= 2
    assert set(operation["tags"]) <= set(TAGS)
    assert operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorAnswer")


def test_every_endpoint_has_a_name_of_its_own():
    names = [param.values[0]["operationId"] for param in operations()]
    assert len(set(names)) == len(names)


def test_every_parameter_in_a_query_says_what_it_means():
    silent = [
        f"{operation.id}: {parameter['name']}"
        for operation in operations()
        for parameter in operation.values[0].get("parameters", ())
        if parameter["in"] == "query" and parameter["name"] != "sortBy" and not parameter.get("description")
    ]
    assert not silent


@pytest.mark.parametrize("operation", [each for each in operations() if "requestBody" in each.values[0]])
def test_every_body_has_an_example(operation):
    content = operation["requestBody"]["content"]
    for kind, media in content.items():
        assert kind != "application/json" or media.get("examples") or _has_example(media["schema"])


def _has_example(schema):
    if schema.get("examples"):
        return True
    if reference := schema.get("$ref"):
        schema = document()["components"]["schemas"][reference.rpartition("/")[2]]
    return bool(schema.get("examples") or schema.get("example"))


@cache
def called_in_product():
    """Names of all that is called anywhere in the package but in the catalogue."""
    return {
        getattr(node.func, "id", getattr(node.func, "attr", None))
        for path in product_files()
        if path != SOURCE / "studio" / "events" / "catalogue.py"
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.Call)
    }


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_every_event_is_published_and_heard(event):
    kind = event.model_fields["type"].default
    assert event.__name__ in called_in_product(), f"nothing publishes {kind}"
    heard = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "ui" / "src" / "api").glob("*.ts"))
    assert re.search(rf'case "{re.escape(kind)}":', heard), f"no page hears {kind}"


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_every_event_names_channels_that_exist(event):
    named = set(re.findall(r"`([a-z/{}]+)`", event.__doc__.partition("Channel")[2]))
    assert named
    assert named <= set(catalogue.CHANNELS)
