"""Logs stay small and lose nothing that fits."""

from __future__ import annotations

import json
import os
from pathlib import Path

from mistudio.studio.launch.logs import last_lines, open_log, rotate


def test_a_log_that_grew_too_large_is_copied_and_emptied_while_it_is_open(tmp_path: Path) -> None:
    log = tmp_path / "api-1.log"
    descriptor = open_log(log)
    for number in range(5):
        os.write(descriptor, b"%d" % number * 100)
        rotate(tmp_path, largest=50)
    os.write(descriptor, b"the newest")
    os.close(descriptor)
    assert log.read_text() == "the newest"
    assert [(tmp_path / f"api-1.log.{number}").read_text()[0] for number in (1, 2, 3)] == ["4", "3", "2"]
    assert len(list(tmp_path.iterdir())) == 4


def test_a_log_that_is_not_too_large_stays(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("short")
    rotate(tmp_path, largest=50)
    assert (tmp_path / "a.log").read_text() == "short"


def test_a_log_that_cannot_be_opened_hinders_nobody(tmp_path: Path) -> None:
    (tmp_path / "a.log").mkdir()
    descriptor = open_log(tmp_path / "a.log")
    assert os.write(descriptor, b"x") == 1
    os.close(descriptor)


def test_the_last_lines_of_a_log_are_those_that_say_something(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("first\nsecond\n\n  third \n\n")
    assert last_lines(tmp_path / "a.log", 2) == ["second", "third"]
    assert last_lines(tmp_path / "missing.log") == []


def test_of_a_line_for_programs_the_words_are_told(tmp_path: Path) -> None:
    failed = json.dumps({"event": "it failed", "exception": "Traceback\nOSError: no room"})
    (tmp_path / "a.log").write_text('{"event": "starting", "level": "info"}\n' + failed + "\n[1]\n")
    assert last_lines(tmp_path / "a.log", 3) == ["starting", "it failed: OSError: no room", "[1]"]
