"""The source tree as the house tests see it: files, rooms and syntax trees, read from disk and never from a list."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "mistudio"
TESTS = ROOT / "tests"
DOCS = ROOT / "docs"
CODE_FOLDERS = ("src", "tests", "docs", "benchmarks", "examples")

# Written by programs, or (a revision of the schema) once for all.
_GENERATED = {
    "__pycache__", "node_modules", ".venv", ".venv-peers", "site", "dist", "build", "static", "schema.d.ts", "versions",
}  # fmt: skip


def files_under(folder: Path, *suffixes: str) -> Iterator[Path]:
    """The files below `folder` with one of the suffixes, generated ones left out, in a fixed order."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in suffixes and path.is_file() and not _GENERATED.intersection(path.relative_to(folder).parts):
            yield path


def python_files() -> list[Path]:
    """Every Python file of the repository."""
    return [path for folder in CODE_FOLDERS for path in files_under(ROOT / folder, ".py")]


def product_files() -> list[Path]:
    """Every Python file of the package."""
    return list(files_under(SOURCE, ".py"))


def relative(path: Path) -> str:
    """How a file is called in messages and in lists of exceptions."""
    return path.relative_to(ROOT).as_posix()


@cache
def syntax_of(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def rooms() -> list[str]:
    """The rooms that exist: folders of the package."""
    return sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))


def module_name(path: Path) -> str:
    """`src/mistudio/sae/config.py` is `mistudio.sae.config`."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def string_constants(tree: ast.AST) -> Iterator[ast.Constant]:
    """The strings of a file that the program uses: docstrings and other bare strings are left out."""
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node
