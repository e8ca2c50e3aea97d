"""Write the reference pages that are read off the code: commands, options, metrics, errors, API, events, settings;
and the JSON Schemas of results.

`make docs` runs this; tests/house/test_docs.py fails when a page on disk is not what this writes.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from docs.command_line import Command, Parameter, commands  # noqa: E402
from mistudio import errors  # noqa: E402
from mistudio.bench.page import benchmark_plots, benchmarks_page, with_benchmarks  # noqa: E402
from mistudio.config import Config  # noqa: E402
from mistudio.studio.app import build_api  # noqa: E402
from mistudio.studio.events import catalogue  # noqa: E402
from mistudio.studio.events.sockets import SOCKET_PATH  # noqa: E402
from mistudio.studio.http import openapi  # noqa: E402
from mistudio.studio.settings import Settings, masked, variable_of  # noqa: E402

NOTE = "<!-- Written by docs/generate.py from the code: change the code, then run `make docs`. -->\n"
SOURCE = ROOT / "src" / "mistudio"


def page(name: str) -> str:
    """What the generated page of that name must hold."""
    return "\n\n".join([NOTE.rstrip(), *WRITERS[name]()]) + "\n"


# ── the command line ─────────────────────────────────────────────────────────────────────────────


def _command_line() -> Iterator[str]:
    yield "# Commands"
    yield (
        "`mistudio` and `microscope` are the same program. Exit codes: 0 it worked, 1 it failed, 2 the command was "
        "wrong, 130 it was stopped and can be continued. Errors are one sentence and what to do next; `--debug` adds "
        "the traceback."
    )
    for command in commands():
        yield from _command(command)


def _command(command: Command) -> Iterator[str]:
    depth = min(command.path.count(" ") + 2, 3)
    yield f"{'#' * depth} {command.path}"
    yield from _help_paragraphs(command.help)
    if command.arguments:
        yield _table(("argument", "meaning"), map(_parameter_row, command.arguments))
    if command.options:
        yield _table(("option", "meaning"), map(_parameter_row, command.options))


def _help_paragraphs(text: str) -> Iterator[str]:
    for paragraph in inspect.cleandoc(text).replace("\b", "").split("\n\n"):
        lines = [line for line in paragraph.splitlines() if line.strip()]
        if not lines:
            continue
        if all(line.startswith(("  ", "$ ", "mistudio ")) for line in lines):
            yield "\n".join(["```console", *(line.strip() for line in lines), "```"])
        else:
            yield re.sub(r"\[/?[a-z ]+\]", "", " ".join(line.strip() for line in lines))


def _parameter_row(parameter: Parameter) -> tuple[str, str]:
    return f"`{parameter.name}`", parameter.help.replace("  [", " [")


# ── configuration classes ────────────────────────────────────────────────────────────────────────


def _configs() -> Iterator[str]:
    yield "# Configuration"
    yield (
        "Every step takes one frozen configuration object. Its fields are the options of the command, the `config` of "
        "the manifest and the arguments of the Python call; an unknown field or a value out of bounds is refused."
    )
    for path in sorted(SOURCE.glob("*/**/config.py")):
        module = import_module(".".join(path.relative_to(SOURCE.parent).with_suffix("").parts))
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, Config) and value.__module__ == module.__name__:
                yield from _config(value)


def _config(config: type[Config]) -> Iterator[str]:
    yield f"## {config.__name__}"
    yield f"`{config.__module__}`. {_flowing(config.__doc__)}"
    rows = [
        (f"`{name}`", f"`{_type_of(config, name)}`", _default_of(config, name), _flowing(field.description))
        for name, field in config.model_fields.items()
    ]
    if rows:
        yield _table(("field", "type", "default", "meaning"), rows)


def _type_of(config: type[Config], name: str) -> str:
    written = next(
        base.__annotations__[name] for base in config.__mro__ if name in vars(base).get("__annotations__", {})
    )
    return written if isinstance(written, str) else getattr(written, "__name__", str(written))


def _default_of(config: type[Config], name: str) -> str:
    field = config.model_fields[name]
    return "required" if field.is_required() else f"`{field.get_default(call_default_factory=True)!r}`"


# ── errors and metrics ───────────────────────────────────────────────────────────────────────────


def _errors() -> Iterator[str]:
    yield "# Errors"
    yield (
        "Whatever a user can do something about is a `MistudioError`: one sentence that names the thing, one that says "
        "what to do next. The command line prints both and ends with the exit code; `status` is the HTTP status of the "
        "same error."
    )
    rows = [
        (
            f"`{kind.__name__}`",
            str(kind.exit_code),
            str(kind.status),
            _flowing(kind.__doc__).split(" Args:")[0],
            kind.default_remedy,
        )
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, errors.MistudioError)
    ]
    yield _table(("error", "exit code", "status", "what happened", "what to do, unless the message knows better"), rows)


def _metrics() -> Iterator[str]:
    yield "# Metrics"
    yield (
        "Every number that miStudio reports about an SAE, by the name under which it stands in files, tables and "
        "charts. x is a token's activation at the hook point and x̂ its reconstruction. Tokens that the SAE's token "
        "filter leaves out (BOS, special tokens, massive activations) count in no number; how many they were stands "
        "beside the numbers."
    )
    if not (SOURCE / "evaluation" / "definitions.py").is_file():
        return
    for metric in import_module("mistudio.evaluation.definitions").METRICS.values():
        low, high = metric.range
        bounds = f"{low:g} to {high:g}".replace("inf", "∞")
        yield f"## {metric.name}"
        yield f"**{metric.title}** ({metric.symbol}). {metric.definition}"
        better = {"lower": "lower is better", "higher": "higher is better", "none": "neither end is better"}[
            metric.better
        ]
        yield f"Unit: {_unit(metric.unit)}. Range: {bounds}; {better}. Source: {metric.source}."
    recovery = import_module("mistudio.evaluation.synthetic.recovery").Recovery
    yield "## Recovery of known features"
    yield f"`{recovery.__module__}`. {_flowing(recovery.__doc__)}"
    yield _fields(recovery)


def _unit(unit: str) -> str:
    return "none" if unit == "1" else unit


# ── the studio ───────────────────────────────────────────────────────────────────────────────────


def _api() -> Iterator[str]:
    document = build_api().openapi()
    yield "# HTTP interface"
    yield document["info"]["description"].strip()
    yield (
        "`/metrics` answers with numbers for Prometheus. The whole document, with every schema and example, is at "
        "`/api/openapi.json` of a running studio; `/api/docs` is this page there. Roles are those of "
        "[tokens](settings.md); a studio that listens on its own machine only, without tokens, lets everyone do all."
    )
    listed = openapi.endpoints(document)
    for tag in dict.fromkeys(each.tag for each in listed):
        yield f"## {tag}"
        yield openapi.TAGS[tag]
        yield _table(
            ("method", "address", "what it does", "answers", "who may"),
            [
                (each.method, f"`{each.path}`", each.summary, each.answer, each.caller)
                for each in listed
                if each.tag == tag
            ],
        )


def _events() -> Iterator[str]:
    yield "# Live events"
    yield (
        f"A Socket.IO connection to `{SOCKET_PATH}` (WebSocket only; the token, where one is wanted, as `auth.token`) "
        "hears the channels that it asks for. It emits `subscribe` with `{channel, after}` and `unsubscribe` with "
        "`{channel}`, and is sent `event` with `{seq, channel, data, timestamp}`. `seq` rises within a channel: "
        "whoever was away names the last one seen as `after`, and gets what was missed of the last half hour. Without "
        "a socket, `GET /api/v1/events` gives the same. A payload states what is so now, so that one that was missed "
        "is made good by the next."
    )
    yield "## Channels"
    yield _table(("channel", "what it carries"), [(f"`{name}`", words) for name, words in catalogue.CHANNELS.items()])
    yield "## Payloads"
    for event in get_args(catalogue.Event):
        yield f"### {event.model_fields['type'].default}"
        yield _flowing(event.__doc__)
        yield _fields(event)
    yield "## Parts"
    for part in (catalogue.MetricPoint, catalogue.MachineSample, catalogue.GpuSample, catalogue.ProcessSample):
        yield f"### {part.__name__}"
        yield _flowing(part.__doc__)
        yield _fields(part)


def _fields(model: type[BaseModel]) -> str:
    return _table(
        ("field", "type", "meaning"),
        [
            (f"`{name}`", f"`{model.__annotations__[name]}`", _flowing(field.description))
            for name, field in model.model_fields.items()
            if name != "type"
        ],
    )


def _settings() -> Iterator[str]:
    yield "# Settings of the studio"
    yield (
        "`mistudio up` reads them from the environment. Everything else that can be set is on the studio's Settings "
        "page and kept in its database, secrets encrypted with `studio/secret.key` in the home."
    )
    defaults = masked(Settings.model_construct())
    yield _table(
        ("variable", "default", "meaning"),
        [
            (f"`{variable_of(name)}`", _shown(defaults[name]), _flowing(field.description))
            for name, field in Settings.model_fields.items()
        ],
    )


def _shown(value: object) -> str:
    return "not set" if value in (None, "") else f"`{value}`"


# ── Markdown ─────────────────────────────────────────────────────────────────────────────────────


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _flowing(text: str | None) -> str:
    return " ".join((text or "").split())


WRITERS: dict[str, Callable[[], Iterator[str]]] = {
    "cli": _command_line,
    "config": _configs,
    "errors": _errors,
    "metrics": _metrics,
    "api": _api,
    "events": _events,
    "settings": _settings,
}

RESULTS = ROOT / "benchmarks" / "results"

SCHEMAS = {
    "evaluation": "mistudio.evaluation.result.Evaluation",
    "label-probing": "mistudio.evaluation.probing.result.LabelProbing",
    "sweep": "mistudio.training.sweep_result.Sweep",
    "spelling-probing": "mistudio.evaluation.probing.result.SpellingProbing",
}


def schema(name: str) -> str:
    """The JSON Schema of the result of that name, as a file."""
    module, _, kind = SCHEMAS[name].rpartition(".")
    document = getattr(import_module(module), kind).model_json_schema(mode="serialization")
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def measured() -> dict[Path, str]:
    """The texts that quote measurements, as they must read."""
    readme = ROOT / "README.md"
    return {
        DOCS / "benchmarks.md": benchmarks_page(RESULTS),
        **{DOCS / "images" / name: plot for name, plot in benchmark_plots(RESULTS).items()},
        readme: with_benchmarks(readme.read_text(encoding="utf-8"), RESULTS),
    }


if __name__ == "__main__":
    for path, text in measured().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    for name in SCHEMAS:
        path = DOCS / "reference" / "schemas" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(schema(name), encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    for name in WRITERS:
        path = DOCS / "reference" / f"{name}.md"
        path.write_text(page(name), encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
