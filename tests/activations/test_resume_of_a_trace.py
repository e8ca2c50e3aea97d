"""A recording that was stopped, killed or met a full disk goes on where it was."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from mistudio.activations.config import TraceConfig
from mistudio.activations.parquet import Recorded
from mistudio.activations.parts import PartWriter
from mistudio.activations.record import trace
from mistudio.artifacts.atomic import partial_of
from mistudio.errors import Cancelled, ConfigConflict, DiskFull
from tests.activations.conftest import CONTEXT, HOOK
from tests.activations.test_trace import all_rows
from tests.tiny_models import tiny_language_model

OTHER = "mlp_out.0"


class StopsAfter:
    """A `Progress` that stops the work at its n-th batch of recording."""

    def __init__(self, batches: int) -> None:
        self._left = batches

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        self._left -= stage == "record"

    def checkpoint(self) -> None:
        if self._left <= 0:
            raise Cancelled("Stopped.")


@pytest.fixture
def config(monkeypatch) -> TraceConfig:
    """Files of 100 tokens at least, so that a small recording has many."""
    monkeypatch.setattr("mistudio.activations.record.part_tokens", lambda *_: 100)
    return TraceConfig(hooks=(HOOK, OTHER), row_group_tokens=32, batch_contexts=3)


def same_rows(one: Path, other: Path) -> bool:
    return all(
        np.array_equal(x.acts_BD, y.acts_BD) and np.array_equal(x.positions_B, y.positions_B)
        for hook in (HOOK, OTHER)
        for x, y in zip(Recorded.open(one, hook).blocks(), Recorded.open(other, hook).blocks(), strict=True)
    )


@pytest.mark.parametrize("batches", [1, 5])
def test_a_stopped_recording_goes_on_and_ends_equal(lm, tokens, config, tmp_path, batches):
    trace(lm, tokens, config, tmp_path / "whole")
    with pytest.raises(Cancelled):
        trace(lm, tokens, config, tmp_path / "a", progress=StopsAfter(batches))
    assert not (tmp_path / "a").exists()
    made = trace(lm, tokens, config, tmp_path / "a")
    whole = all_rows(Recorded.open(tmp_path / "whole", OTHER))
    resumed = all_rows(Recorded.open(tmp_path / "a", OTHER))
    assert all(np.array_equal(x, y) for x, y in zip(whole, resumed, strict=True))
    assert made.manifest.metrics["tokens_seen"] == len(tokens.rows("train")) * CONTEXT


def test_stopping_keeps_all_that_was_recorded(lm, tokens, config, tmp_path):
    with pytest.raises(Cancelled):
        trace(lm, tokens, config, tmp_path / "a", progress=StopsAfter(5))
    state = json.loads((partial_of(tmp_path / "a") / ".work" / "state.json").read_text())
    assert state["contexts_done"] == 15


def test_the_second_run_does_not_run_finished_contexts_again(lm, tokens, config, tmp_path):
    with pytest.raises(Cancelled):
        trace(lm, tokens, config, tmp_path / "a", progress=StopsAfter(5))

    class Counts:
        first: float | None = None

        def advance(self, stage, done, total, **metrics):
            if self.first is None:
                assert stage == "record", "the filter was calibrated again"
                self.first = done

        def checkpoint(self):
            pass

    counts = Counts()
    trace(lm, tokens, config, tmp_path / "a", progress=counts)
    assert counts.first == 18 * CONTEXT


def test_a_recording_killed_in_the_middle_loses_at_most_the_open_files(lm, tokens, config, tmp_path):
    trace(lm, tokens, config, tmp_path / "whole")
    script = f"""
        import os, signal, sys
        from pathlib import Path
        import mistudio.activations.record as record
        from mistudio.activations.config import TraceConfig
        from mistudio.corpora.tokens import Tokens
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        from tests.tiny_models import tiny_language_model

        class Dies:
            batches = 0
            def advance(self, stage, done, total, **metrics):
                self.batches += stage == "record"
                if self.batches == 7:
                    os.kill(os.getpid(), signal.SIGKILL)
            def checkpoint(self): pass

        record.part_tokens = lambda *_: 100
        config = TraceConfig.model_validate_json({config.model_dump_json()!r})
        record.trace(tiny_language_model(), Tokens.open(Path({str(tokens.artifact.path)!r})), config,
                     Path({str(tmp_path / "a")!r}), progress=Dies())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    partial = partial_of(tmp_path / "a")
    state = json.loads((partial / ".work" / "state.json").read_text())
    assert 0 < state["contexts_done"] <= 21
    assert len(list((partial / HOOK).glob("part-*"))) == state["parts_done"]
    trace(lm, tokens, config, tmp_path / "a")
    assert same_rows(tmp_path / "whole", tmp_path / "a")


def test_continuing_with_other_options_is_refused_and_names_them(lm, tokens, config, tmp_path):
    with pytest.raises(Cancelled):
        trace(lm, tokens, config, tmp_path / "a", progress=StopsAfter(5))
    other = config.model_copy(update={"dtype": "float32", "batch_contexts": 5})
    with pytest.raises(ConfigConflict, match="differs in: batch_contexts, dtype"):
        trace(lm, tokens, other, tmp_path / "a")
    with pytest.raises(ConfigConflict, match="differs in: model"):
        trace(tiny_language_model(seed=1), tokens, config, tmp_path / "a")
    trace(lm, tokens, config, tmp_path / "a")


def test_a_run_that_finished_no_file_can_be_begun_anew_with_other_options(lm, tokens, config, tmp_path):
    with pytest.raises(Cancelled):
        trace(lm, tokens, config, tmp_path / "a", progress=StopsAfter(0))
    made = trace(lm, tokens, config.model_copy(update={"hooks": (OTHER,)}), tmp_path / "a")
    assert {name.split("/")[0] for name in made.manifest.files} == {OTHER}


def test_a_full_disk_is_said_keeps_finished_files_and_can_be_continued(lm, tokens, config, tmp_path, monkeypatch):
    trace(lm, tokens, config, tmp_path / "whole")
    write, calls = PartWriter._write, []

    def no_space(self, group):
        calls.append(1)
        if len(calls) > 16:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, group)

    monkeypatch.setattr(PartWriter, "_write", no_space)
    with pytest.raises(DiskFull):
        trace(lm, tokens, config, tmp_path / "a")
    monkeypatch.undo()
    partial = partial_of(tmp_path / "a")
    assert json.loads((partial / ".work" / "state.json").read_text())["parts_done"] > 0
    assert not list(partial.rglob("open.parquet"))
    monkeypatch.setattr("mistudio.activations.record.part_tokens", lambda *_: 100)
    trace(lm, tokens, config, tmp_path / "a")
    assert same_rows(tmp_path / "whole", tmp_path / "a")
