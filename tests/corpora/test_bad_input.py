"""One clear sentence for each thing that can be wrong with a source; nothing is left behind."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mistudio.corpora.config import CorpusConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.errors import ArtifactExists, BadInput, EmptyCorpus, MistudioError, NotFound


def write_parquet(path: Path) -> None:
    pq.write_table(pa.table({"content": ["a"], "year": [1]}), path)


CASES: dict[str, tuple[str, Callable[[Path], object] | bytes | None, type[MistudioError], str]] = {
    "missing path": ("nowhere.txt", None, NotFound, "There is no file or folder"),
    "unknown kind": ("picture.png", b"x", BadInput, "picture.png is of no known kind"),
    "empty file": ("empty.txt", b"", EmptyCorpus, "empty.txt is empty"),
    "only blanks": ("blank.txt", b" \n ", EmptyCorpus, "There is no text in"),
    "not UTF-8": ("latin.txt", "caf\xe9 noir".encode("latin-1"), BadInput, "latin.txt, byte 3, is not UTF-8 text"),
    "broken line": ("x.jsonl", b'{"text": "a"}\n{"text": \n', BadInput, "x.jsonl line 2 is not JSON"),
    "line not UTF-8": ("x.jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', BadInput, "x.jsonl line 2, byte 10, is not"),
    "line is a number": ("x.jsonl", b'{"text": "a"}\n7\n', BadInput, "x.jsonl line 2 is a number"),
    "key missing in a line": ("x.jsonl", b'{"text": "a"}\n{"txt": "b"}\n', BadInput, "line 2 has no column 'text'"),
    "text is a list": ("x.jsonl", b'{"text": ["a"]}\n', BadInput, "'text' of .*line 1 holds a list, not text"),
    "broken json": ("x.json", b'[{"text": "a"},\n {"text" "b"}]', BadInput, "x.json line 2 is not JSON"),
    "csv column": ("x.csv", b"content,year\na,1\n", BadInput, "x.csv has no column 'text'; it has content, year"),
    "csv quotes": ("x.csv", b'text\n"a\n', BadInput, "x.csv near line 1: not CSV: unexpected end"),
    "csv not UTF-8": ("x.csv", b"text\ncaf\xe9 noir\n", BadInput, "x.csv near line .* is not UTF-8"),
    "csv without rows": ("x.csv", b"text\n", EmptyCorpus, "There is no text in"),
    "parquet column": ("x.parquet", write_parquet, BadInput, "x.parquet has no column 'text'; it has content, year"),
    "no parquet": ("x.parquet", b"PAR2", BadInput, "x.parquet cannot be read as Parquet"),
    "folder without texts": ("pictures", Path.mkdir, EmptyCorpus, "pictures holds no file of a known kind"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_source_is_refused_in_one_sentence_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    name, content, error, message = CASES[case]
    source, out = tmp_path / "in" / name, tmp_path / "out" / "corpus"
    (tmp_path / "in").mkdir()
    if isinstance(content, bytes):
        source.write_bytes(content)
    elif content is not None:
        content(source)
    with pytest.raises(error, match=message) as caught:
        add_corpus(CorpusConfig(sources=(str(source),)), out)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    assert list(out.parent.iterdir()) == []


def test_a_mistyped_column_is_answered_with_the_likeliest(tmp_path: Path) -> None:
    source = tmp_path / "x.jsonl"
    source.write_text('{"content": "a", "title": "b"}\n')
    with pytest.raises(BadInput) as caught:
        add_corpus(CorpusConfig(sources=(str(source),), column="contnet"), tmp_path / "out")
    assert caught.value.remedy == "Did you mean --column content?"


def test_metadata_that_is_no_object_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a")
    (tmp_path / "in" / "a.json").write_text("[1]")
    with pytest.raises(BadInput, match=r"a\.json holds the metadata of a\.txt"):
        add_corpus(CorpusConfig(sources=(str(tmp_path / "in"),)), tmp_path / "out")


def test_a_source_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(BadInput, match="given twice"):
        add_corpus(CorpusConfig(sources=(str(tmp_path / "a.txt"),) * 2), tmp_path / "out")


def test_a_taken_output_directory_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "out").mkdir()
    with pytest.raises(ArtifactExists):
        add_corpus(CorpusConfig(sources=(str(tmp_path / "a.txt"),)), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
