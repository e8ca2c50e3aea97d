"""Names say what is inside: junk drawers attract junk."""

from __future__ import annotations

import ast

from tests.house.tree import ROOT, TESTS, files_under, product_files, python_files, relative, syntax_of

JUNK = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "service", "base"}
# The one place where the word says what it is: what every table is made of.
ALLOWED = {"src/mistudio/studio/db/base.py"}
SENTENCE_WORDS = 3


def test_no_module_or_folder_is_a_junk_drawer():
    drawers = {
        name for path in python_files() if JUNK.intersection((name := relative(path)).removesuffix(".py").split("/"))
    }
    drawers |= {relative(path) for path in files_under(ROOT / "ui", ".ts", ".tsx") if path.stem in JUNK}
    drawers -= ALLOWED
    assert not drawers, f"these names explain nothing: {sorted(drawers)}"


def test_no_module_of_the_product_has_a_junk_word_in_its_name():
    junk = {relative(path) for path in product_files() if JUNK.intersection(path.stem.split("_"))}
    junk -= ALLOWED
    assert not junk, f"these names explain nothing: {sorted(junk)}"


def test_the_names_of_tests_are_sentences():
    short = {
        f"{relative(path)}::{node.name}"
        for path in files_under(TESTS, ".py")
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        if len(node.name.removeprefix("test_").split("_")) < SENTENCE_WORDS
    }
    assert not short, f"say what must hold: {sorted(short)}"
