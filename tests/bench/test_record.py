"""`bench record`: recording against the forward pass alone, on the same contexts."""

from __future__ import annotations

from pathlib import Path

import pytest

from mistudio.activations.config import TraceConfig
from mistudio.activations.record import trace
from mistudio.bench.config import RecordBenchConfig
from mistudio.bench.record import RecordingClock, bench_record
from mistudio.bench.result import RecordBenchResult, read_result
from mistudio.bench.turns import Turn
from mistudio.corpora.tokens import Tokens
from mistudio.errors import Cancelled, HookMissing
from mistudio.language_models.loading import LanguageModel
from mistudio.progress import Silent, StopSwitch

CONFIG = RecordBenchConfig(hook="resid_post.1", rounds=2, contexts=6, batch_contexts=4)


class Listener(Silent):
    """Writes down when the clock was set, by stage."""

    def __init__(self) -> None:
        self.clock = RecordingClock(Silent())
        self.began: dict[str, list[Turn]] = {}

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        self.clock.advance(stage, done, total)
        self.began.setdefault(stage, []).append(self.clock.began)


def test_both_passes_run_the_same_tokens_and_nothing_is_left_behind(
    lm: LanguageModel, tokens: Tokens, tmp_path: Path
) -> None:
    result = bench_record(CONFIG, lm, tokens, folder=tmp_path)
    assert result.recording.tokens == result.bare.tokens == 6 * 16
    assert len(result.recording.seconds) == len(result.bare.seconds) == 2
    assert result.speed.median_of_rounds > 0
    assert list(tmp_path.iterdir()) == []
    result.write(tmp_path / "record.json")
    assert read_result(RecordBenchResult, tmp_path / "record.json") == result


def test_the_clock_begins_when_the_calibration_has_ended(lm: LanguageModel, tokens: Tokens, tmp_path: Path) -> None:
    listener = Listener()
    trace(lm, tokens, TraceConfig(hooks=(CONFIG.hook,)), tmp_path / "acts", progress=listener)
    calibrating, recording = listener.began.pop("measure norms"), listener.began.pop("record")
    assert not listener.began
    assert set(recording) == {calibrating[-1]}


def test_a_hook_point_that_is_not_there_is_passed_on(lm: LanguageModel, tokens: Tokens) -> None:
    with pytest.raises(HookMissing):
        bench_record(CONFIG.model_copy(update={"hook": "resid_post.99"}), lm, tokens)


def test_recording_stops_when_it_is_asked_to(lm: LanguageModel, tokens: Tokens) -> None:
    switch = StopSwitch()
    switch.cancel()
    with pytest.raises(Cancelled):
        bench_record(CONFIG, lm, tokens, switch)
