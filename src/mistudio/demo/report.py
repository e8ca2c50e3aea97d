"""Write the report page: one HTML file that needs no network, no server and no other file.

1. Read the page's sources from `report/`: a template, a style sheet, scripts.
2. Join the scripts into one closure, in the order of `SCRIPTS`.
3. Embed the content as JSON that no text inside it can end or escape from.
4. Allow by Content-Security-Policy exactly this script and this style sheet, and no request to anywhere.

Knows how a page is put together; what it says is `content.py`, how it looks and behaves is `report/`.
"""

from __future__ import annotations

import base64
import hashlib
import html
from importlib import resources
from pathlib import Path
from string import Template

from mistudio.artifacts.atomic import new_file
from mistudio.demo.content import ReportContent

SCRIPTS = (
    *("dom", "format", "charts", "bars", "tokens"),
    *("overview", "steering", "provenance", "detail", "rows", "features"),
    "main",
)
"""Scripts of the page, each using only those before it."""

# Inside a script element only these can end it, open a comment or, in old readers of JSON, break a line.
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def write_report(content: ReportContent, path: Path) -> Path:
    """Write the page at `path`, atomically, making its directory where needed.

    Returns:
        `path`.

    Raises:
        DiskFull: the disk had no room.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as partial:
        partial.write_text(render_report(content), encoding="utf-8")
    return path


def render_report(content: ReportContent) -> str:
    """The page as text."""
    style = _source("report.css")
    scripts = "\n".join(_source(f"js/{name}.js") for name in SCRIPTS)
    script = f'(() => {{\n"use strict";\n{scripts}\n}})();'
    return Template(_source("template.html")).substitute(
        title=html.escape(content.title),
        policy=_policy(style=style, script=script),
        style=style,
        script=script,
        data=embedded_json(content),
    )


def embedded_json(content: ReportContent) -> str:
    """`content` as JSON that is safe inside a script element, whatever its texts are."""
    return content.model_dump_json().translate(_ESCAPES)


def _policy(*, style: str, script: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_sha256(script)}'",
            f"style-src '{_sha256(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _sha256(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _source(name: str) -> str:
    return resources.files("mistudio.demo").joinpath("report", *name.split("/")).read_text(encoding="utf-8")
