"""The OpenAPI document: what FastAPI reads off the endpoints, and what holds for all of them."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any, NamedTuple

from mistudio.studio.http.auth import who_may
from mistudio.studio.http.schemas import ErrorAnswer

TAGS = {
    "health": "Whether the studio works. Needs no token.",
    "jobs": "Work that takes a while: what runs, what waits, what became of it.",
    "road": "The way from text and a model to steering: what exists at each step, and what comes next.",
    "datasets": "Text that was brought in.",
    "tokenizations": "Text as the tokens of a model, packed into contexts.",
    "models": "Causal language models.",
    "recordings": "Activations on disk.",
    "trainings": "SAEs that are being trained, or were.",
    "saes": "Sparse autoencoders, and how good they are.",
    "features": "What activates each latent of an SAE.",
    "steering": "A model's text with latents turned up or down.",
    "engine": "Models and SAEs in memory.",
    "templates": "Names for configurations.",
    "events": "What happens, as it happens.",
    "store": "The artifacts on disk, and anything by its name.",
    "system": "The machine.",
    "settings": "What can be set.",
}
"""What each group of endpoints is about, in the order of the document."""

DESCRIPTION = """The HTTP interface of miStudio.

Answers are `{data, meta}`, lists `{data, meta, pagination}`, failures `{error}` with a sentence that says what to do.
Work that takes a while answers 202 with a job, to be followed at `/api/v1/jobs/{id}` or live.

* **Lists** take `page`, `limit`, `search`, `sortBy` and `order`.
* **Idempotency-Key**, a header of POST, PATCH and DELETE: the same request sent again within a day has the same answer.
* **X-RateLimit-Limit, -Remaining, -Reset** stand in every answer; 429 comes with Retry-After.
* **X-Request-Id** may be given, and stands in the answer and in the log.
"""

_SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "One of MISTUDIO_API_TOKENS. Without them the studio listens on this machine only.",
    }
}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Add what no endpoint says of itself: who may call it, how it fails, what its group is about."""
    answer = ErrorAnswer.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = document["components"]["schemas"]
    for name, schema in answer.pop("$defs").items():
        schemas.setdefault(name, schema)
    schemas.setdefault("ErrorAnswer", answer)
    # Every endpoint states our own shape of 422 in place of the framework's.
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["components"]["securitySchemes"] = _SECURITY
    document["security"] = [{}, {"token": []}]
    used = {tag for _, _, operation in _operations(document) for tag in operation.get("tags", ())}
    document["tags"] = [{"name": name, "description": words} for name, words in TAGS.items() if name in used]
    for _, _, operation in _operations(document):
        operation["responses"]["default"] = {
            "description": "It failed.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}},
        }
    return document


class Endpoint(NamedTuple):
    """A row of the reference."""

    tag: str
    method: str
    path: str
    summary: str
    caller: str
    """Lowest role that may call it."""
    answer: str
    """Status of success."""


def endpoints(document: dict[str, Any]) -> list[Endpoint]:
    """Every endpoint, in the order of the groups."""
    order = list(TAGS)
    found = []
    for path, method, operation in _operations(document):
        success = next(status for status in operation["responses"] if status.startswith("2"))
        words = " ".join(operation.get("description", "").split("\n\n")[0].split())
        tag = operation.get("tags", ["other"])[0]
        found.append(Endpoint(tag, method.upper(), path, words, who_may(method.upper(), path), success))
    return sorted(found, key=lambda each: order.index(each.tag) if each.tag in order else len(order))


def page(document: dict[str, Any]) -> str:
    """The endpoints as a page for people, which loads nothing from anywhere."""
    parts = []
    listed = endpoints(document)
    for tag in dict.fromkeys(each.tag for each in listed):
        rows = "".join(
            f"<tr><td>{each.method}<td><code>{html.escape(each.path)}</code><td>{html.escape(each.summary)}"
            f"<td>{each.answer}<td>{each.caller}"
            for each in listed
            if each.tag == tag
        )
        parts.append(f"<h2>{html.escape(tag)}</h2><p>{html.escape(TAGS.get(tag, ''))}</p><table>{_HEAD}{rows}</table>")
    return _PAGE.format(body="".join(parts))


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


_HEAD = "<tr><th>method<th>address<th>what it does<th>answers<th>who may"
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>API · miStudio</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{background:#020617;color:#cbd5e1;font:15px/1.6 system-ui;margin:2rem auto;max-width:72rem;padding:0 1rem}}
h1,h2{{color:#f1f5f9}}table{{border-collapse:collapse;width:100%}}th{{text-align:left;color:#94a3b8;font-weight:500}}
td,th{{border-top:1px solid #1e293b;padding:.35rem .8rem .35rem 0;vertical-align:top}}code,a{{color:#34d399}}</style>
<h1>What the API does</h1><p>Typed in full: <a href="/api/openapi.json">openapi.json</a>. Answers are
<code>{{data, meta}}</code>, failures <code>{{error}}</code>.</p>{body}</html>"""
