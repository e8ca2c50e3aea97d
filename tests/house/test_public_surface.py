"""The public surface changes by decision, never by accident."""

from __future__ import annotations

import ast
import difflib
import re

import pytest

import mistudio
from tests.house import surface
from tests.house.tree import DOCS, ROOT, SOURCE, syntax_of


def _package(requirement):
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower()


def test_the_public_surface_is_the_one_on_record():
    recorded = surface.SNAPSHOT.read_text(encoding="utf-8").splitlines()
    change = "\n".join(
        difflib.unified_diff(recorded, list(surface.lines()), "on record", "in the code", lineterm="", n=0)
    )
    assert not change, f"if this is wanted, run `python -m tests.house.surface` and say so in CHANGELOG.md:\n{change}"


def test_every_name_of_the_facade_has_one_home_that_type_checkers_see_too():
    tree = syntax_of(SOURCE / "__init__.py")
    seen_by_type_checkers = {
        alias.name: node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    homes = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOMES"
    )
    assert {name: seen_by_type_checkers.get(name) for name in homes} == homes
    assert set(dir(mistudio)) == set(homes)


@pytest.mark.parametrize("name", sorted(mistudio.__all__))
def test_every_name_of_the_facade_loads_and_is_documented(name):
    value = getattr(mistudio, name)
    assert value.__name__ == name
    assert len((value.__doc__ or "").split()) >= 3


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = mistudio.trian


@pytest.mark.parametrize("requirement", surface.hard_dependencies())
def test_every_hard_dependency_is_pinned_and_has_a_reason(requirement):
    name = _package(requirement)
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    reasons = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    assert re.search(rf"^{re.escape(name)}==", pins, re.MULTILINE), f"{name} is not in constraints.txt"
    assert f"| {name} |" in reasons, f"docs/dependencies.md does not say why {name} is needed"


def test_no_dependency_has_a_reason_without_being_one():
    reasons = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    hard = re.search(r"## Always installed\n(.*?)\n## ", reasons, re.DOTALL)[1]
    listed = set(re.findall(r"^\| ([a-z0-9._-]+) \|", hard, re.MULTILINE)) - {"package", "---"}
    assert listed == {_package(requirement) for requirement in surface.hard_dependencies()}
