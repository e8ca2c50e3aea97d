"""Looking into a source before it is brought in."""

import json
import os
import subprocess
import sys
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mistudio.corpora.preview import preview
from mistudio.errors import BadInput, DownloadFailed, EmptyCorpus
from tests.corpora.hub_stand_in import serve


def test_the_first_rows_of_json_lines_are_shown_with_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = {"title": "t", "body": "🦊 " * 400, "year": 1790, "tags": ["a"], "nothing": None, "open": True}
    path.write_text("\n" + (json.dumps(row) + "\n") * 30, encoding="utf-8")
    seen = preview(str(path), rows=5)
    assert (seen.origin, seen.formats, seen.files, seen.documents) == ("file", ("jsonl",), 1, None)
    assert seen.bytes == path.stat().st_size
    assert {column.name: column.type for column in seen.columns} == {
        "title": "text", "body": "text", "year": "number", "tags": "nested", "nothing": "empty", "open": "truth value",
    }  # fmt: skip
    assert seen.text_column == "body"
    assert len(seen.rows) == 5
    assert seen.rows[0] == {**row, "body": ("🦊 " * 400)[:500] + "…", "tags": "['a']"}


def test_a_column_of_a_usual_name_is_preferred_to_a_longer_one(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,html\nshort,a much longer value\n", encoding="utf-8")
    assert preview(str(tmp_path / "rows.csv")).text_column == "text"


def test_a_folder_shows_its_first_files_and_counts_all(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}.txt").write_text(f"letter {number}", encoding="utf-8")
    (tmp_path / "00.json").write_text('{"year": 1790}', encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    seen = preview(str(tmp_path), rows=3)
    assert (seen.origin, seen.formats, seen.files, seen.documents) == ("folder", ("txt",), 20, 20)
    assert [row["text"] for row in seen.rows] == ["letter 0", "letter 1", "letter 2"]


def test_a_long_text_is_shown_by_its_beginning_whatever_character_is_cut(tmp_path: Path) -> None:
    for lead in range(4):
        (tmp_path / "long.txt").write_text("x" * lead + "🦊" * 40_000, encoding="utf-8")
        seen = preview(str(tmp_path / "long.txt"))
        assert seen.rows[0]["text"] == ("x" * lead + "🦊" * 40_000)[:500] + "…"


def test_parquet_says_its_types_and_its_rows(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "b", None], "n": [1.5, float("nan"), None], "l": [[1], [], None]})
    pq.write_table(table, tmp_path / "rows.parquet")
    seen = preview(str(tmp_path / "rows.parquet"), rows=2)
    assert (seen.documents, [column.type for column in seen.columns]) == (3, ["text", "number", "nested"])
    assert seen.rows[1] == {"text": "b", "n": None, "l": "[]"}
    seen.model_dump_json()


def test_half_surrogates_and_huge_numbers_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / "odd.jsonl").write_text('{"text": "\\ud83d cut", "n": 1e999, "x\\ud83d": 1}\n', encoding="utf-8")
    seen = preview(str(tmp_path / "odd.jsonl"))
    assert seen.rows[0]["text"] == "\ufffd cut"
    json.loads(seen.model_dump_json())


def test_json_is_a_list_a_value_or_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    for content, rows in (('[{"text": "a"}, "b"]', 2), ('{"text": "a"}', 1), ('{"text": "a"}\n{"text": "b"}', 2)):
        path.write_text(content, encoding="utf-8")
        assert len(preview(str(path)).rows) == rows


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("junk.txt", b"\xff\xfe\x00j", "is not UTF-8 text"),
        ("junk.jsonl", b'{"text": "\xff"}', "line 1, byte 10, is not UTF-8"),
        ("junk.jsonl", b"not json", "line 1 is not JSON"),
        ("junk.json", b"[" * 100_000, "nested too deeply"),
        ("junk.csv", b'text\n"open', "is not CSV"),
        ("junk.csv", b"text\n\xff\n", "is not UTF-8"),
        ("junk.parquet", b"PAR1junkPAR1", "cannot be read as Parquet"),
        ("junk.bin", b"\x00", "no file of a known kind"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=message):
        preview(str(tmp_path / name))


def test_an_empty_file_has_nothing_to_show(tmp_path: Path) -> None:
    for name in ("empty.txt", "empty.jsonl", "empty.json"):
        (tmp_path / name).write_text("\n" if name != "empty.txt" else "", encoding="utf-8")
        with pytest.raises(EmptyCorpus):
            preview(str(tmp_path / name))


def test_a_saved_data_set_shows_the_split_asked_for(tmp_path: Path) -> None:
    made = datasets.DatasetDict(
        {
            "train": datasets.Dataset.from_dict({"text": ["a", "b"], "tags": [["x"], []]}),
            "test": datasets.Dataset.from_dict({"text": ["c"], "tags": [[]]}),
        }
    )
    made.save_to_disk(str(tmp_path / "saved"))
    seen = preview(str(tmp_path / "saved"))
    assert (seen.origin, seen.split, seen.splits, seen.documents) == ("saved", "train", ("train", "test"), 2)
    assert [column.type for column in seen.columns] == ["text", "nested"]
    assert preview(str(tmp_path / "saved"), split="test").documents == 1
    with pytest.raises(BadInput, match="has no split 'tset'; it has train, test"):
        preview(str(tmp_path / "saved"), split="tset")


LOOK = """
import sys
from mistudio.corpora.preview import preview
print(preview("owner/speeches", split=sys.argv[1]).model_dump_json())
"""


def test_a_data_set_of_the_hub_shows_its_first_rows(tmp_path: Path) -> None:
    folder = tmp_path / "hub" / "owner" / "speeches" / "data"
    folder.mkdir(parents=True)
    table = pa.table({"speech": ["one", "two"], "year": [1790, 1791], "tags": [["a"], []]})
    for split in ("train", "test"):
        pq.write_table(table, folder / f"{split}-00000-of-00001.parquet")
    with serve(tmp_path / "hub") as endpoint:
        environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "home")}
        environment.pop("HF_HUB_OFFLINE", None)
        answer = subprocess.run(
            [sys.executable, "-c", LOOK, "test"], env=environment, capture_output=True, text=True, check=True
        )
    seen = json.loads(answer.stdout)
    assert (seen["origin"], seen["split"], sorted(seen["splits"])) == ("hub", "test", ["test", "train"])
    assert [row["speech"] for row in seen["rows"]] == ["one", "two"]
    assert {each["name"]: each["type"] for each in seen["columns"]} == {
        "speech": "text", "year": "number", "tags": "nested",
    }  # fmt: skip
    assert seen["text_column"] == "speech"


def test_a_hub_that_cannot_be_reached_is_said_so_at_once(tmp_path: Path) -> None:
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    code = (
        "from mistudio.corpora.preview import preview\nfrom mistudio.errors import DownloadFailed\n"
        "try: preview('owner/name')\nexcept DownloadFailed as error: print(error.message)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=20
    )
    assert "reading it from the Hub failed" in answer.stdout
    assert DownloadFailed.status == 502
