"""What is typed a hundred times a day starts at once: nothing heavy is loaded before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.tree import ROOT, SOURCE, module_name

HEAVY = ("torch", "transformers", "datasets", "pandas", "pyarrow", "numba", "scipy")
EVERY_HELP = """
import sys
from docs.command_line import commands
for command in commands():
    sys.argv = [*command.path.split(), "--help"]
    try:
        from mistudio.cli.main import main
        main()
    except SystemExit as stop:
        assert not stop.code, command.path
"""
CONFIGS = sorted(module_name(path) for path in SOURCE.rglob("config.py"))


def _heavy_modules_after(code: str) -> set[str]:
    report = f"\nimport sys; print('\\nloaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code + report], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_the_walk_sees_a_heavy_import():
    assert "torch" in _heavy_modules_after("import torch")


def test_importing_the_package_loads_nothing_heavy():
    assert not _heavy_modules_after("import mistudio, mistudio.errors, mistudio.progress")


@pytest.mark.parametrize("module", CONFIGS)
def test_a_config_module_loads_nothing_heavy(module):
    assert not _heavy_modules_after(f"import {module}")


def test_reading_features_loads_neither_torch_nor_transformers():
    loaded = _heavy_modules_after("import mistudio.features.pages, mistudio.language_models.tokenizer_files")
    assert loaded <= {"pyarrow"}


def test_help_of_every_command_loads_nothing_heavy():
    assert not _heavy_modules_after(EVERY_HELP)
