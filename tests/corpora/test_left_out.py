"""Files that cannot be read: the first one ends the work, or all of them are left out and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mistudio.corpora.config import CorpusConfig
from mistudio.corpora.corpus import add_corpus, read_documents
from mistudio.errors import BadInput, EmptyCorpus


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good files, one that is not UTF-8, one that is no Parquet, and one that breaks off."""
    made = tmp_path / "texts"
    made.mkdir()
    (made / "a.txt").write_text("The first text.")
    (made / "b.txt").write_bytes("Größe".encode("latin-1"))
    (made / "c.parquet").write_bytes(b"PAR1 and then nothing of the kind")
    (made / "d.jsonl").write_text('{"text": "One."}\n{"text": \n{"text": "Three."}\n')
    (made / "e.txt").write_text("The last text.")
    return made


def test_the_first_file_that_cannot_be_read_ends_the_work(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"b\.txt.* is not UTF-8"):
        add_corpus(CorpusConfig(sources=(str(folder),)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("is_folder", [True, False])
def test_files_that_cannot_be_read_are_left_out_and_named(folder: Path, tmp_path: Path, is_folder: bool) -> None:
    sources = (str(folder),) if is_folder else tuple(sorted(map(str, folder.iterdir())))
    found: list[tuple[str, str]] = []
    artifact = add_corpus(
        CorpusConfig(sources=sources), tmp_path / "out", left_out=lambda file, why: found.append((file, str(why)))
    )
    assert [Path(file).name for file, _ in found] == ["b.txt", "c.parquet", "d.jsonl"]
    assert ["UTF-8" in found[0][1], "Parquet" in found[1][1], "line 2" in found[2][1]] == [True] * 3
    assert [each.text for each in read_documents(artifact.path)] == ["The first text.", "One.", "The last text."]
    assert artifact.manifest.metrics["files_left_out"] == 3


def test_where_nothing_can_be_read_the_first_reason_is_said(folder: Path, tmp_path: Path) -> None:
    config = CorpusConfig(sources=(str(folder / "b.txt"), str(folder / "c.parquet")))
    with pytest.raises(BadInput, match="not UTF-8"):
        add_corpus(config, tmp_path / "out", left_out=lambda *_: None)
    (folder / "empty.txt").touch()
    with pytest.raises(EmptyCorpus):
        add_corpus(CorpusConfig(sources=(str(folder / "empty.txt"),)), tmp_path / "out", left_out=lambda *_: None)
