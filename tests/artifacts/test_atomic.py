"""Directories and files appear whole or not at all, whatever interrupts the work."""

# What raises is the context manager under test, so its block belongs into `pytest.raises`.
# ruff: noqa: PT012

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from mistudio.artifacts.atomic import disk_full_is_said, new_directory, new_file, partial_of, write_json
from mistudio.errors import ArtifactExists, BadInput, Cancelled, DiskFull

FULL_DISK = Path("/dev/full")
"""A device of Linux on which every write finds no space."""
needs_full_disk = pytest.mark.skipif(not FULL_DISK.exists(), reason="there is no /dev/full")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_directory_appears_when_the_work_is_done_and_not_before(tmp_path: Path):
    final = tmp_path / "deep" / "sae"
    with new_directory(final) as folder:
        (folder / "a.txt").write_text("a")
        assert not final.exists()

    assert names(final) == {"a.txt"}
    assert names(final.parent) == {"sae"}


def test_a_failed_directory_leaves_nothing(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), new_directory(tmp_path / "sae") as folder:
        (folder / "a.txt").write_text("a")
        raise ZeroDivisionError

    assert names(tmp_path) == set()


def test_what_an_earlier_failure_left_is_no_part_of_a_new_directory(tmp_path: Path):
    partial_of(tmp_path / "sae").mkdir()
    (partial_of(tmp_path / "sae") / "old.txt").write_text("old")
    with new_directory(tmp_path / "sae") as folder:
        (folder / "new.txt").write_text("new")

    assert names(tmp_path / "sae") == {"new.txt"}


def test_a_resumable_directory_is_hidden_while_unfinished_and_continued(tmp_path: Path):
    with pytest.raises(Cancelled), new_directory(tmp_path / "sae", resumable=True) as folder:
        (folder / "half.txt").write_text("half")
        raise Cancelled("Stopped.")
    assert names(tmp_path) == {".sae.partial"}

    with new_directory(tmp_path / "sae", resumable=True) as folder:
        assert (folder / "half.txt").read_text() == "half"
    assert names(tmp_path) == {"sae"}


def test_a_directory_that_is_there_is_not_touched(tmp_path: Path):
    (tmp_path / "sae").mkdir()

    with pytest.raises(ArtifactExists, match="sae exists already"), new_directory(tmp_path / "sae"):
        pytest.fail("the work was begun")
    assert names(tmp_path) == {"sae"}


def test_a_directory_that_another_process_made_meanwhile_is_not_replaced(tmp_path: Path):
    with pytest.raises(ArtifactExists, match="another process"), new_directory(tmp_path / "sae"):
        (tmp_path / "sae").mkdir()
        (tmp_path / "sae" / "theirs.txt").write_text("theirs")

    assert names(tmp_path / "sae") == {"theirs.txt"}


def test_a_place_where_no_directory_can_be_is_bad_input(tmp_path: Path):
    (tmp_path / "file").write_text("not a directory")

    with pytest.raises(BadInput, match="No directory can be made"), new_directory(tmp_path / "file" / "sae"):
        pytest.fail("the work was begun")


KILLED = """
import os, signal, sys
from pathlib import Path
from mistudio.artifacts.atomic import new_directory, new_file
final = Path(sys.argv[1])
with new_directory(final / "sae", resumable=True) as folder:
    (folder / "first.txt").write_text("first")
    with new_file(folder / "second.txt") as partial:
        partial.write_text("half of the sec")
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_in_the_middle_leaves_nothing_visible_and_is_continued(tmp_path: Path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert names(tmp_path) == {".sae.partial"}

    with new_directory(tmp_path / "sae", resumable=True) as folder:
        assert (folder / "first.txt").read_text() == "first"
        assert not (folder / "second.txt").exists()
        with new_file(folder / "second.txt") as partial:
            partial.write_text("second")
    assert names(tmp_path / "sae") == {"first.txt", "second.txt"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_or_quota_is_said_in_a_sentence(tmp_path: Path, number: int):
    with pytest.raises(DiskFull, match="The disk that holds .*sae is full"), new_directory(tmp_path / "sae"):
        raise OSError(number, os.strerror(number))
    assert names(tmp_path) == set()


def test_a_full_disk_that_safetensors_met_is_said_in_a_sentence(tmp_path: Path):
    with pytest.raises(DiskFull), disk_full_is_said(tmp_path):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


@needs_full_disk
def test_a_full_disk_that_numpy_met_is_said_in_a_sentence(tmp_path: Path):
    with (
        pytest.raises(DiskFull),
        disk_full_is_said(tmp_path),
        FULL_DISK.open("wb", buffering=0) as file,
    ):
        np.zeros(100_000).tofile(file)


def test_other_failures_of_the_system_keep_their_traceback(tmp_path: Path):
    with pytest.raises(PermissionError), new_directory(tmp_path / "sae"):
        raise PermissionError(errno.EACCES, "Permission denied")


@needs_full_disk
def test_a_disk_that_is_really_full_leaves_no_directory(tmp_path: Path):
    with pytest.raises(DiskFull), new_directory(tmp_path / "sae") as folder:
        (folder / "weights.bin").symlink_to(FULL_DISK)
        (folder / "weights.bin").write_bytes(bytes(100))
    assert names(tmp_path) == set()


@needs_full_disk
def test_a_full_disk_keeps_what_a_resumable_directory_had(tmp_path: Path):
    with pytest.raises(DiskFull), new_directory(tmp_path / "sae", resumable=True) as folder:
        (folder / "first.txt").write_text("first")
        (folder / "weights.bin").symlink_to(FULL_DISK)
        (folder / "weights.bin").write_bytes(bytes(100))
    assert (partial_of(tmp_path / "sae") / "first.txt").read_text() == "first"


@needs_full_disk
def test_a_full_disk_leaves_the_file_that_was_to_be_replaced(tmp_path: Path):
    write_json(tmp_path / "state.json", {"step": 1})
    partial_of(tmp_path / "state.json").symlink_to(FULL_DISK)

    with pytest.raises(DiskFull):
        write_json(tmp_path / "state.json", {"step": 2})
    assert json.loads((tmp_path / "state.json").read_text()) == {"step": 1}
    assert names(tmp_path) == {"state.json"}


def test_a_file_larger_than_the_process_may_write_is_said_in_a_sentence(tmp_path: Path):
    with (
        pytest.raises(DiskFull, match="grew larger"),
        files_limited_to(4096),
        new_directory(tmp_path / "sae") as folder,
    ):
        (folder / "weights.bin").write_bytes(bytes(8192))
    assert names(tmp_path) == set()


def test_a_file_is_replaced_at_once_or_not_at_all(tmp_path: Path):
    write_json(tmp_path / "state.json", {"step": 1})
    with pytest.raises(ZeroDivisionError), new_file(tmp_path / "state.json") as partial:
        partial.write_text("{")
        raise ZeroDivisionError
    assert json.loads((tmp_path / "state.json").read_text()) == {"step": 1}

    write_json(tmp_path / "state.json", {"step": 2, "text": "nā"})
    assert json.loads((tmp_path / "state.json").read_text(encoding="utf-8")) == {"step": 2, "text": "nā"}
    assert names(tmp_path) == {"state.json"}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_know_are_not_written(tmp_path: Path, number: float):
    with pytest.raises(ValueError):
        write_json(tmp_path / "state.json", {"loss": number})
    assert names(tmp_path) == set()
