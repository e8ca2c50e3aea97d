"""Help teaches, completion works, and the program answers to both of its names."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

from docs.command_line import commands
from tests.cli.program import Program

GROUPS = {"mistudio", "mistudio model", "mistudio corpus", "mistudio bench"}
VERBS = [command for command in commands() if command.path not in GROUPS]


@pytest.fixture
def run(tmp_path: Path) -> Program:
    return Program(tmp_path / "home")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.path)
def test_the_help_of_a_verb_shows_an_example_of_it(run: Program, verb):
    done = run.ok(*verb.path.split()[1:], "--help")

    assert "Examples:" in done.out
    example = " ".join(done.out.partition("Examples:")[2].split("─")[0].split())
    assert example.startswith(verb.path)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.path)
def test_every_option_says_what_it_does(verb):
    assert [option.name for option in verb.options if len(option.help.split()) < 2] == []


def test_the_two_names_are_one_program():
    found = {each.name: each.value for each in entry_points(group="console_scripts") if each.name != "sae"}
    assert found["mistudio"] == found["microscope"] == "mistudio.cli.main:main"


@pytest.mark.parametrize("name", ["mistudio", "microscope"])
def test_completion_is_shown_and_completes(name: str, tmp_path: Path):
    program = Path(sys.executable).with_name(name)
    # What --show-completion prints, without asking which shell this is: under a test runner there is none.
    script = {f"_{name.upper()}_COMPLETE": "source_bash"}
    shown = subprocess.run([program], env=os.environ | script, capture_output=True, text=True, check=False)
    asked = {f"_{name.upper()}_COMPLETE": "complete_bash", "COMP_WORDS": f"{name} tr", "COMP_CWORD": "1"}
    completed = subprocess.run([program], env=os.environ | asked, capture_output=True, text=True, check=False)

    assert f"_{name.upper()}_COMPLETE=complete_bash" in shown.stdout
    assert completed.stdout.split() == ["trace", "train"]


def test_the_version_is_that_of_the_package(run: Program):
    assert run.ok("--version").out == f"mistudio {version('mistudio')}\n"


def test_help_makes_no_store(run: Program):
    run.ok("train", "--help")
    run.ok("model", "list")
    assert not run.home.exists()


def test_an_unknown_option_is_a_wrong_call(run: Program):
    done = run("train", "--no-such-option")
    assert done.code == 2
    assert "--no-such-option" in done.err
