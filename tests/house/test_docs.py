"""The documentation cannot rot: what it names exists, and what exists it names."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re

import pytest

from docs.command_line import commands
from docs.generate import SCHEMAS, WRITERS, measured, page, schema
from mistudio import errors
from mistudio.config import Config
from mistudio.errors import MistudioError
from tests.house.tree import DOCS, ROOT, SOURCE, files_under, module_name, relative, rooms

TOP = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PROSE = [*files_under(DOCS, ".md"), *TOP]
FENCE = re.compile(r"^```python[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _python_snippets():
    for prose in PROSE:
        for number, snippet in enumerate(FENCE.findall(prose.read_text(encoding="utf-8"))):
            yield pytest.param(snippet, id=f"{relative(prose)}#{number + 1}")


def _links():
    for prose in PROSE:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                yield prose, target


@pytest.mark.parametrize("name", WRITERS)
def test_a_generated_page_is_current(name):
    assert (DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8") == page(name), "run `make docs`"


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_published_schema_is_current_and_defines_every_field(name):
    published = (DOCS / "reference" / "schemas" / f"{name}.json").read_text(encoding="utf-8")
    assert published == schema(name), "run `make docs`"
    document = json.loads(published)
    for part in (document, *document["$defs"].values()):
        assert part.get("description"), f"{part['title']} does not say what it is"


def test_every_published_measurement_is_the_one_on_record():
    for path, text in measured().items():
        assert path.read_text(encoding="utf-8") == text, f"{relative(path)}: run `make docs`"


def test_every_command_is_in_the_reference():
    text = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    assert not [command.path for command in commands() if f"# {command.path}\n" not in text]


def test_every_command_and_option_explains_itself():
    silent = [command.path for command in commands() if len(command.help.split()) < 3]
    silent += [
        f"{command.path} {parameter.name}"
        for command in commands()
        for parameter in (*command.arguments, *command.options)
        if len(parameter.help.split()) < 2
    ]
    assert not silent


def test_every_metric_is_defined_in_the_reference():
    if "evaluation" in rooms():
        from mistudio.evaluation.definitions import METRICS

        text = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
        assert METRICS
        for name, metric in METRICS.items():
            assert f"## {name}\n" in text
            assert metric.definition in text


def test_every_error_is_in_the_reference():
    text = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    for value in vars(errors).values():
        if inspect.isclass(value) and issubclass(value, MistudioError):
            assert f"| `{value.__name__}` |" in text


@pytest.mark.parametrize("module", [module_name(path) for path in sorted(SOURCE.glob("*/**/config.py"))])
def test_every_field_of_a_config_says_what_it_means(module):
    module = importlib.import_module(module)
    silent = [
        f"{value.__name__}.{name}"
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Config) and value.__module__ == module.__name__
        for name, field in value.model_fields.items()
        if name != "architecture"  # a literal that tells the classes of a union apart
        if len((field.description or "").split()) < 2
    ]
    assert not silent


@pytest.mark.parametrize("snippet", list(_python_snippets()))
def test_a_python_snippet_parses_and_what_it_imports_exists(snippet):
    tree = ast.parse(snippet)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mistudio"):
            module = importlib.import_module(node.module)
            assert not [alias.name for alias in node.names if not hasattr(module, alias.name)]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
    facade = importlib.import_module("mistudio")
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mistudio"
    }
    assert used <= set(dir(facade)), f"the facade has no {sorted(used - set(dir(facade)))}"


def test_every_link_to_a_file_leads_somewhere():
    broken = [f"{relative(prose)}: {target}" for prose, target in _links() if not (prose.parent / target).exists()]
    assert not broken


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    names = [prose.relative_to(DOCS).as_posix() for prose in files_under(DOCS, ".md")]
    assert not [name for name in names if name not in navigation]


def test_options_named_in_prose_exist():
    written = [option.name for command in commands() for option in command.options]
    known = {name for each in written for name in re.findall(r"--[a-z-]+", each)}
    if not known:
        assert "cli" not in rooms()
        return
    known |= {"--help", "--install-completion", "--show-completion", "--debug"}
    wrong = {
        f"{relative(prose)}: {option}"
        for prose in PROSE
        for line in re.findall(r"^\s*(?:\$ )?(?:mistudio|microscope) .*", prose.read_text(encoding="utf-8"), re.M)
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", line)
        if option not in known
    }
    assert not wrong
