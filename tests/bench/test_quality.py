"""`bench quality`: whole trainings in turns, kept one by one, and numbers at matched L0."""

from __future__ import annotations

import math
import sys
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from mistudio.bench.config import QualityBenchConfig
from mistudio.bench.contenders.fit import Batches
from mistudio.bench.page import benchmark_plots, benchmarks_page
from mistudio.bench.peers import trainers_of
from mistudio.bench.quality import bench_quality
from mistudio.bench.quality_data import RecordedData, SyntheticData, write_activations
from mistudio.bench.quality_result import (
    Cell,
    Estimate,
    Quality,
    QualityBenchResult,
    best_rate,
    compare,
    fvu_at,
    summarise,
)
from mistudio.bench.result import read_result
from mistudio.bench.turns import Contender
from mistudio.errors import BadInput, Cancelled, PeerFailed
from mistudio.progress import Silent, StopSwitch
from tests.cli.program import Program
from tests.made_up_recording import made_up_recording

TINY = QualityBenchConfig(
    libraries=("mistudio", "sparsify"),
    k=(2, 4),
    d_sae=32,
    tokens=1280,
    batch_size=64,
    seeds=2,
    grid=(1e-3, 1e-2),
    held_out_tokens=1024,
    features=128,
    d_in=16,
    threads=1,
)
# Writes what sparsify would: an SAE that gives its k largest inputs back, more exactly the nearer the rate is to 0.01.
STAND_IN = """
import json
from pathlib import Path
import torch
from safetensors.torch import save_file
def version(): return "stand-in 1.0"
def settings(options): return {"lr": options["lr"]}
def train(options, batches):
    print("a library that talks")
    with open(Path(options["out"]).parent / "trained", "a") as log:
        log.write(f"{options['k']} {options['lr']} {options['seed']} {sum(map(len, batches))}\\n")
    def save(out):
        eye = torch.eye(options["d_sae"], options["d_in"])
        tensors = {"encoder.weight": eye * (1 - abs(options["lr"] - 0.01)), "encoder.bias": torch.zeros(len(eye))}
        save_file({**tensors, "W_dec": eye.clone(), "b_dec": torch.zeros(options["d_in"])}, out / "sae.safetensors")
        (out / "cfg.json").write_text(json.dumps({"k": options["k"]}))
    return None if options["k"] == 7 else save
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Contender:
    file = tmp_path / "stand_in_fit.py"
    file.write_text(STAND_IN)
    return Contender("stand-in", Path(sys.executable), file, architectures=("topk",))


def test_a_library_gets_its_best_rate_and_finished_saes_are_not_trained_again(
    tmp_path: Path, stand_in: Contender
) -> None:
    made_up_recording(tmp_path / "acts", d=16, tokens=2048, row_group_tokens=512)
    config = TINY.model_copy(update={"libraries": ("sparsify",), "seeds": 1})
    data = RecordedData(tmp_path / "acts", None, config)
    result = bench_quality(config, data, {"sparsify": stand_in}, tmp_path / "work")
    assert [(each.k, each.lr, each.at_the_edge, each.l0.mean) for each in result.summaries] == [
        (2, 0.01, True, 2.0),
        (4, 0.01, True, 4.0),
    ]
    (log,) = (tmp_path / "work").glob("*/trained")
    assert log.read_text().splitlines() == ["4 0.001 0 1280", "4 0.01 0 1280", "2 0.01 0 1280"]
    again = bench_quality(config, data, {"sparsify": stand_in}, tmp_path / "work")
    assert again.cells == result.cells
    assert len(log.read_text().splitlines()) == 3
    result.write(tmp_path / "quality-made-up.json")
    assert read_result(QualityBenchResult, tmp_path / "quality-made-up.json") == result
    page = benchmarks_page(tmp_path)
    assert "| sparsify, signum | 0.01 (edge) | 2 | 2.0 |" in page
    assert "images/quality-made-up-topk.svg" in page
    (plot,) = benchmark_plots(tmp_path).values()
    assert ET.fromstring(plot).tag.endswith("svg")


def test_differences_are_taken_seed_by_seed_and_are_above_zero_where_ours_is_better() -> None:
    config = TINY.model_copy(update={"libraries": ("mistudio", "saelens"), "archs": ("jumprelu",), "k": (32,)})
    ours = [_cell(32, 32, fvu, library="mistudio", seed=seed) for seed, fvu in enumerate((0.1, 0.2))]
    theirs = [_cell(32, 32, fvu, seed=seed) for seed, fvu in enumerate((0.15, 0.25))]
    (difference,) = compare(config, [*ours, *theirs])
    assert difference.peer == "saelens"
    assert difference.fvu_at_k is not None
    assert difference.fvu_at_k.mean == difference.fvu_at_k.low == pytest.approx(0.05)
    summaries = summarise(config, [*ours, *theirs])
    assert [summary.library for summary in summaries] == ["mistudio", "saelens"]
    assert summaries[0].fvu_at_k == summaries[0].fvu


def test_a_training_that_breaks_down_is_a_result_and_one_that_ends_early_is_an_error(
    tmp_path: Path, stand_in: Contender
) -> None:
    config = TINY.model_copy(update={"libraries": ("sparsify",), "k": (7,), "seeds": 1, "grid": (1e-3,)})
    result = bench_quality(config, SyntheticData(config), {"sparsify": stand_in}, tmp_path / "work")
    assert result.summaries[0].fvu is None
    stand_in.step_file.write_text("raise SystemExit('no such processor')")
    other = config.model_copy(update={"k": (4,)})
    with pytest.raises(PeerFailed, match="stand-in could not train sparsify-topk-k4-lr0.001-seed0: no such processor"):
        bench_quality(other, SyntheticData(other), {"sparsify": stand_in}, tmp_path / "work")


def test_a_benchmark_stops_before_the_next_sae_and_a_library_without_a_trainer_is_refused(tmp_path: Path) -> None:
    switch = StopSwitch()
    switch.cancel()
    config = TINY.model_copy(update={"libraries": ("mistudio",)})
    with pytest.raises(Cancelled):
        bench_quality(config, SyntheticData(config), trainers_of(None), tmp_path, switch)
    with pytest.raises(BadInput, match="Nobody trains for sparsify"):
        bench_quality(TINY, SyntheticData(TINY), trainers_of(None), tmp_path)


def test_batches_are_the_same_for_the_same_seed_and_every_epoch_has_another_order(tmp_path: Path) -> None:
    acts_ND = np.arange(40, dtype=np.float16).reshape(20, 2)
    acts_ND.tofile(tmp_path / "acts")
    batches = [batch[:, 0].tolist() for batch in Batches(str(tmp_path / "acts"), 2, 5, 8, seed=1)]
    assert len(batches) == 8
    assert batches == [batch[:, 0].tolist() for batch in Batches(str(tmp_path / "acts"), 2, 5, 8, seed=1)]
    first, second = sorted(chain(*batches[:4])), sorted(chain(*batches[4:]))
    assert first == second == acts_ND[:, 0].tolist()
    assert batches[:4] != batches[4:]


def test_activations_are_written_with_a_mean_norm_of_the_root_of_their_width(tmp_path: Path) -> None:
    written = write_activations(SyntheticData(TINY), tmp_path / "acts", 1280, Silent())
    acts_ND = np.fromfile(tmp_path / "acts", np.float16).reshape(written.rows, written.d_in).astype(np.float32)
    assert acts_ND.shape == (1280, 16)
    assert np.linalg.norm(acts_ND, axis=1).mean() == pytest.approx(4, rel=0.1)


def _cell(
    k: int,
    l0: float,
    fvu: float | None,
    *,
    lr: float = 1e-3,
    mcc: float | None = None,
    library: str = "saelens",
    seed: int = 0,
) -> Cell:
    quality = Quality(tokens=1, fvu=fvu, l0=l0, dead_share=0, mcc=mcc)
    facts = {"library": library, "arch": "jumprelu", "seed": seed, "version": "", "torch": "", "settings": {}}
    return Cell(**facts, k=k, lr=lr, seconds=1, cpu_seconds=1, load_before=None, quality=quality)


def test_an_fvu_is_read_off_the_line_between_neighbours_and_not_far_beyond_them() -> None:
    cells = [_cell(16, 10, 0.4), _cell(32, 40, 0.1), _cell(64, 80, 0.08)]
    assert fvu_at(cells, 20) == pytest.approx(0.2)
    assert fvu_at(cells, 40) == 0.1
    assert fvu_at(cells, 90) == pytest.approx(0.08 * (90 / 80) ** (math.log(0.8) / math.log(2)))
    assert fvu_at(cells, 7) is None
    assert fvu_at(cells[:1], 12) is None
    assert fvu_at([_cell(16, 10, None)], 10) is None


def test_a_rate_whose_l0_is_far_from_the_one_asked_for_does_not_win() -> None:
    tried = [_cell(32, 900, 0.01, lr=1e-4), _cell(32, 30, 0.2, lr=1e-3, mcc=0.5), _cell(32, 33, 0.3, lr=1e-2, mcc=0.6)]
    assert best_rate(tried, 32, by_mcc=False) == 1e-3
    assert best_rate(tried, 32, by_mcc=True) == 1e-2
    assert best_rate([_cell(32, 900, 0.01, lr=1e-4), _cell(32, 100, 0.2)], 32, by_mcc=False) == 1e-3


def test_an_interval_is_students() -> None:
    estimate = Estimate.of([1.0, 2.0, 3.0])
    assert estimate.mean == 2
    assert estimate.high == pytest.approx(2 + 4.302653 / math.sqrt(3))
    assert Estimate.of([1.0]).low is None


def test_impossible_settings_are_said() -> None:
    for wrong in ({"k": ()}, {"k": (8, 8)}, {"k": (32,)}, {"grid": (0.0,)}, {"tokens": 64}):
        with pytest.raises(ValueError):
            QualityBenchConfig.model_validate({**TINY.model_dump(), **wrong})


def test_the_command_writes_a_result_and_prints_a_table(tmp_path: Path) -> None:
    program = Program(tmp_path)
    options = "--libraries mistudio --k 4 --d-sae 32 --tokens 1280 --batch-size 64 --seeds 1 --grid 0.003"
    more = "--held-out-tokens 1024 --features 128 --d-in 16 --threads 1"
    done = program.ok("bench", "quality", *options.split(), *more.split(), "--out", tmp_path / "result.json")
    result = read_result(QualityBenchResult, tmp_path / "result.json")
    (summary,) = result.summaries
    assert result.by_mcc
    assert result.tried == ()
    assert summary.library == "mistudio"
    assert summary.mcc is not None
    assert 0 < summary.mcc.mean <= 1
    assert summary.fvu_at_k == summary.fvu
    assert "topk on synthetic, 128 features in 16 dimensions" in done.out
