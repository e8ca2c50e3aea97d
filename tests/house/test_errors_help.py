"""Every error names the thing and says what to do next."""

from __future__ import annotations

import ast
import inspect
import pickle

import pytest

from mistudio import errors
from mistudio.errors import MistudioError
from tests.house.tree import SOURCE, product_files, relative, syntax_of

ERRORS = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, MistudioError) and value is not MistudioError
]
NAMES = {error.__name__ for error in ERRORS} | {"MistudioError"}


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_class_says_what_it_is_and_what_to_do(error):
    assert (error.__doc__ or "").strip().endswith(".")
    assert error.default_remedy.endswith(".")
    assert len(error.default_remedy.split()) >= 4
    assert error.default_remedy != MistudioError.default_remedy
    assert 1 <= error.exit_code <= 255
    assert 400 <= error.status <= 599


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_survives_the_way_from_another_process(error):
    copy = pickle.loads(pickle.dumps(error("It broke.", remedy="Mend it.")))
    assert (type(copy), copy.message, copy.remedy) == (error, "It broke.", "Mend it.")


def test_errors_are_defined_in_one_file_only():
    elsewhere = {
        f"{relative(path)}: {node.name}"
        for path in product_files()
        if path != SOURCE / "errors.py"
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.ClassDef)
        if NAMES.intersection(parent.id for parent in node.bases if isinstance(parent, ast.Name))
    }
    assert not elsewhere, f"move these to errors.py: {elsewhere}"


def test_every_message_and_remedy_ends_like_a_sentence():
    unfinished = [
        f"{relative(path)}:{text.lineno}"
        for path in product_files()
        for call in ast.walk(syntax_of(path))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in NAMES
        for text in [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "remedy")]
        if (end := _last_words(text)) is not None and not end.rstrip().endswith((".", "?", "`"))
    ]
    assert not unfinished, f"these sentences have no end: {unfinished}"


def _last_words(text: ast.expr) -> str | None:
    """What a literal message ends with; None where that is only known when the program runs."""
    if isinstance(text, ast.JoinedStr):
        return _last_words(text.values[-1]) if text.values else ""
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        return text.value
    return None


def test_the_library_raises_no_bare_exceptions():
    bare = [
        f"{relative(path)}:{node.lineno}"
        for path in product_files()
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
        if node.exc.func.id in {"Exception", "BaseException", "RuntimeError", "OSError", "IOError"}
    ]
    assert not bare, f"raise a MistudioError that helps the user, at: {bare}"
