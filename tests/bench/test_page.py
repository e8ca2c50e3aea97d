"""Tables, the page and the README's part say what the result files say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mistudio.bench.page import RECORD, benchmarks_page, step_file, with_benchmarks
from mistudio.bench.result import RecordBenchResult, StepBenchResult
from mistudio.bench.table import record_table, step_table
from mistudio.errors import ArtifactBroken, BadInput

MARK = "<!-- benchmarks: written from benchmarks/results/*.json -->"


@pytest.fixture
def results(tmp_path: Path, step_result: StepBenchResult, record_result: RecordBenchResult) -> Path:
    step_result.write(tmp_path / step_file("topk"))
    record_result.write(tmp_path / RECORD)
    return tmp_path


def test_a_ratio_is_taken_within_rounds_and_not_between_medians(step_result: StepBenchResult) -> None:
    (ratio,) = step_result.ratios
    assert ratio.median_of_rounds == pytest.approx(4.0)
    assert ratio.of_bests == pytest.approx(5.0)


def test_the_table_of_steps_has_a_row_a_contender(step_result: StepBenchResult) -> None:
    table = step_table(step_result)
    assert table.rows[0] == ("miStudio", "float32", "200", "100", "10,240", "1", "1", "1")
    assert table.rows[1] == ("other", "float32", "800", "500", "2,560", "4.0", "5.0", "4.0")
    assert [row[0] for row in table.rows[2:]] == ["bfloat16 product alone", "float32 product alone"]
    assert len(table.markdown().splitlines()) == 6


def test_the_table_of_recording_says_which_share_of_the_speed_is_left(record_result: RecordBenchResult) -> None:
    assert record_table(record_result).rows[1][-2:] == ("0.975", "0.950")


def test_the_page_names_machine_versions_and_conditions(results: Path) -> None:
    page = benchmarks_page(results)
    for said in ("Abacus 3000", "bfloat16 emulated", "other 1.0", "| other | float32 | 800 |", "0.25", "2026-11-21"):
        assert said in page
    assert "ours takes 2.00 times as long as the bfloat16 product alone" in page
    assert "| recording | float32 |" in page


def test_a_page_without_results_says_so(tmp_path: Path) -> None:
    assert "Nothing has been measured yet." in benchmarks_page(tmp_path)


def test_the_readmes_part_is_replaced_and_the_rest_is_kept(results: Path) -> None:
    readme = f"# miStudio\n\n{MARK}\n\n## Limits\n"
    once = with_benchmarks(readme, results)
    assert once.startswith(f"# miStudio\n\n{MARK}\n")
    assert once.endswith("\n\n## Limits\n")
    assert "| other | float32 | 800 |" in once
    assert with_benchmarks(once, results) == once
    with pytest.raises(BadInput, match="has no line"):
        with_benchmarks("# miStudio\n", results)


def test_a_result_that_was_changed_by_hand_into_nonsense_is_refused_by_name(results: Path) -> None:
    content = json.loads((results / step_file("topk")).read_text())
    (results / step_file("topk")).write_text(json.dumps(content | {"threads": "many"}))
    with pytest.raises(ArtifactBroken, match=r"step-topk\.json is not a result"):
        benchmarks_page(results)
