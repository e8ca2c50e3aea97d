"""Files and functions stay short enough to be read at once."""

from __future__ import annotations

import ast

from tests.house.tree import ROOT, files_under, python_files, relative, syntax_of

PYTHON_LINES = 400
TYPESCRIPT_LINES = 250
FUNCTION_LINES = 80

# path: (lines it may have, why it cannot be two files). The list may only shrink.
LONG_FILES: dict[str, tuple[int, str]] = {}
# path::function: (lines it may have, why it cannot be two functions). The list may only shrink.
LONG_FUNCTIONS: dict[str, tuple[int, str]] = {}


def _file_lengths() -> dict[str, tuple[int, int]]:
    limits = [(path, PYTHON_LINES) for path in python_files()]
    limits += [(path, TYPESCRIPT_LINES) for path in files_under(ROOT / "ui", ".ts", ".tsx")]
    return {relative(path): (len(path.read_text(encoding="utf-8").splitlines()), limit) for path, limit in limits}


def _function_lengths() -> dict[str, int]:
    return {
        f"{relative(path)}::{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in python_files()
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_no_file_is_longer_than_its_limit():
    lengths = _file_lengths()
    too_long = {name: lines for name, (lines, limit) in lengths.items() if lines > LONG_FILES.get(name, (limit, ""))[0]}
    assert lengths
    assert not too_long, f"split these files by concept: {too_long}"


def test_no_function_is_longer_than_its_limit():
    lengths = _function_lengths()
    too_long = {
        name: lines for name, lines in lengths.items() if lines > LONG_FUNCTIONS.get(name, (FUNCTION_LINES, ""))[0]
    }
    assert lengths
    assert not too_long, f"split these functions: {too_long}"


def test_exceptions_have_a_reason_and_only_shrink():
    lengths = {name: lines for name, (lines, _) in _file_lengths().items()} | _function_lengths()
    for name, (allowed, reason) in (LONG_FILES | LONG_FUNCTIONS).items():
        assert len(reason.split()) >= 4, f"{name} needs a reason"
        assert lengths.get(name) == allowed, f"{name} has {lengths.get(name)} lines now: lower or remove its exception"
