import csv
import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mistudio.corpora.config import CorpusConfig
from mistudio.corpora.rows import SourceText
from mistudio.corpora.sources import read_sources


def read(path: Path, **options: object) -> list[SourceText]:
    return list(read_sources(CorpusConfig(sources=(str(path),), **options)))


def test_a_text_file_is_one_document_with_its_line_ends_kept(tmp_path: Path) -> None:
    path = tmp_path / "speech.txt"
    path.write_bytes("one\r\ntwo\n\n  three ä".encode())
    assert read(path) == [SourceText("speech.txt", "one\r\ntwo\n\n  three ä", {})]


def test_a_byte_order_mark_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "speech.txt"
    path.write_bytes(b"\xef\xbb\xbfhello")
    assert read(path)[0].text == "hello"


def test_a_json_file_beside_a_text_file_is_its_metadata_and_no_document(tmp_path: Path) -> None:
    (tmp_path / "1790.txt").write_text("Fellow citizens")
    (tmp_path / "1790.json").write_text(json.dumps({"year": 1790, "name": "GW", "text": "Fellow", "tags": ["a"]}))
    assert read(tmp_path) == [SourceText("1790.txt", "Fellow citizens", {"year": 1790, "name": "GW"})]


def test_a_folder_is_read_in_the_order_of_relative_paths_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a/c.txt", ".hidden.txt", ".git/x.txt", "picture.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert [text.name for text in read(tmp_path)] == ["a/c.txt", "a/z.md", "b.txt"]


def test_a_jsonl_row_is_a_document_named_by_its_line_with_scalars_as_metadata(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"body": "one", "n": 1, "score": NaN, "list": [1]}\n\n{"body": "two", "n": null}\n"bare"\n')
    assert read(path, column="body") == [
        SourceText("rows.jsonl#1", "one", {"n": 1, "score": None}),
        SourceText("rows.jsonl#3", "two", {"n": None}),
        SourceText("rows.jsonl#4", "bare", {}),
    ]


def test_a_json_file_may_hold_a_list_an_object_or_lines(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text('[{"text": "a"}, {"text": "b"}]')
    (tmp_path / "one.json").write_text('{"text": "c", "k": 1}')
    (tmp_path / "lines.json").write_text('{"text": "d"}\n{"text": "e"}\n')
    assert [(text.name, text.text) for text in read(tmp_path)] == [
        ("lines.json#1", "d"),
        ("lines.json#2", "e"),
        ("list.json#1", "a"),
        ("list.json#2", "b"),
        ("one.json", "c"),
    ]


def test_a_csv_field_may_hold_line_ends_quotes_and_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    long = 'a "quoted" word,\r\n' * 20_000
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([["text", "party"], [long, "none"], ["short", "Whig"]])
    assert read(path) == [
        SourceText("rows.csv#1", long, {"party": "none"}),
        SourceText("rows.csv#2", "short", {"party": "Whig"}),
    ]


def test_a_parquet_row_is_a_document_with_dates_as_text_and_lists_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    day = date(1862, 12, 1)
    pq.write_table(pa.table({"text": ["a", "b"], "day": [day, None], "x": [1.5, 2.0], "l": [[1], [2]]}), path)
    assert read(path) == [
        SourceText("rows.parquet#1", "a", {"day": "1862-12-01", "x": 1.5}),
        SourceText("rows.parquet#2", "b", {"day": None, "x": 2.0}),
    ]


def test_the_limit_counts_documents_over_all_sources(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.jsonl").write_text('{"text": "x"}\n{"text": "y"}\n')
    sources = tuple(str(tmp_path / f"{name}.jsonl") for name in "abc")
    assert len(list(read_sources(CorpusConfig(sources=sources, limit=3)))) == 3
