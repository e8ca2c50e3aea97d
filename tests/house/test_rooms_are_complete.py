"""A room is called the same everywhere: in the package, the tests, the documentation and the command line."""

from __future__ import annotations

import ast

import pytest

from docs.command_line import commands
from tests.house.tree import DOCS, SOURCE, TESTS, relative, rooms, syntax_of

# Rooms that are no step of the road have their page elsewhere.
PAGE = {
    "artifacts": "reference/formats.md",
    "bench": "how-to/benchmarks.md",
    "client": "how-to/http.md",
    "cli": "reference/cli.md",
    "demo": "how-to/demo.md",
    "studio": "how-to/studio.md",
}
VERB = {
    "language_models": "model",
    "corpora": "corpus",
    "activations": "trace",
    "training": "train",
    "evaluation": "eval",
    "features": "find",
    "steering": "steer",
    "demo": "demo",
    "bench": "bench",
    "studio": "up",
}
NO_VERB = {
    "artifacts": "every verb reads and writes them",
    "sae": "maths on tensors; `train` makes one and `eval` measures it",
    "cli": "it is the verbs",
    "client": "it is for programs that talk to the studio",
}


@pytest.mark.parametrize("room", rooms())
def test_the_rooms_init_holds_its_docstring_and_nothing_else(room):
    body = syntax_of(SOURCE / room / "__init__.py").body
    assert [type(node) for node in body] == [ast.Expr]
    assert len(ast.literal_eval(body[0].value).split()) >= 4


@pytest.mark.parametrize("room", rooms())
def test_the_room_has_tests_of_its_own(room):
    assert list((TESTS / room).rglob("test_*.py")), f"tests/{room}/ is empty"


@pytest.mark.parametrize("room", rooms())
def test_the_room_has_a_page(room):
    page = DOCS / PAGE.get(room, f"road/{room}.md")
    assert page.is_file(), f"{relative(page)} is missing"
    assert len(page.read_text(encoding="utf-8").split()) > 50, f"{relative(page)} says nothing"


@pytest.mark.parametrize("room", rooms())
def test_the_room_has_a_verb_or_a_reason_for_having_none(room):
    assert (room in VERB) != (room in NO_VERB), f"say in this file which verb {room} has, or why it has none"
    if "cli" in rooms() and room in VERB:
        assert f"mistudio {VERB[room]}" in {command.path for command in commands()}


def test_every_folder_of_python_files_is_a_package():
    folders = {path.parent for path in SOURCE.rglob("*.py")}
    assert not [relative(folder) for folder in folders if not (folder / "__init__.py").is_file()]
