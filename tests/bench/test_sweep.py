"""`bench sweep`: several SAEs on one forward pass against one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from mistudio.bench.config import SweepBenchConfig
from mistudio.bench.page import SWEEP, benchmarks_page
from mistudio.bench.result import SweepBenchResult, read_result
from mistudio.bench.sweep import bench_sweep
from mistudio.bench.table import sweep_table
from mistudio.corpora.tokens import Tokens
from mistudio.errors import Cancelled
from mistudio.language_models.loading import LanguageModel
from mistudio.progress import StopSwitch

CONFIG = SweepBenchConfig(hook="resid_post.1", ks=(2, 4), tokens=128, batch_size=32, buffer_tokens=64, expansion=2)


def test_both_sides_train_the_same_saes_and_the_page_quotes_them(
    lm: LanguageModel, tokens: Tokens, tmp_path: Path
) -> None:
    result = bench_sweep(CONFIG, lm, tokens)
    assert result.saes == 4
    assert result.together.tokens == result.separately.tokens == 4 * 128
    assert len(result.together.seconds) == len(result.separately.seconds) == 1
    assert result.gain.median_of_rounds > 0
    result.write(tmp_path / SWEEP)
    assert read_result(SweepBenchResult, tmp_path / SWEEP) == result
    assert sweep_table(result).rows[1][0] == "one after the other"
    assert "## A sweep" in benchmarks_page(tmp_path)


def test_it_stops_when_it_is_asked_to(lm: LanguageModel, tokens: Tokens) -> None:
    switch = StopSwitch()
    switch.cancel()
    with pytest.raises(Cancelled):
        bench_sweep(CONFIG, lm, tokens, switch)
