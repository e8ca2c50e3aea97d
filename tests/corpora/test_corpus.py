import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mistudio.artifacts.atomic import partial_of
from mistudio.artifacts.manifest import open_artifact
from mistudio.corpora.config import CorpusConfig
from mistudio.corpora.corpus import DOCUMENTS, add_corpus, read_documents
from mistudio.errors import Cancelled
from mistudio.progress import StopSwitch
from tests.corpora.conftest import MakeCorpus


def test_a_corpus_gives_its_documents_back_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes("ä\r\n𝄞\x00end".encode())
    (tmp_path / "in" / "a.json").write_text('{"year": 1790, "party": null}')
    (tmp_path / "in" / "b.md").write_text("   ")
    (tmp_path / "in" / "c.md").write_text("# c")
    artifact = add_corpus(CorpusConfig(sources=(str(tmp_path / "in"),)), tmp_path / "out")
    first, second = read_documents(tmp_path / "out")
    assert (first.doc, first.name, first.text, first.held_out) == (0, "a.txt", "ä\r\n𝄞\x00end", False)
    assert first.metadata == {"year": 1790, "party": None}
    assert (second.doc, second.name) == (1, "c.md")
    assert artifact.manifest.metrics["empty_documents_left_out"] == 1
    open_artifact(tmp_path / "out", deep=True)


def test_half_a_surrogate_pair_becomes_a_replacement_character_and_is_counted(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(r'{"text": "a\ud83d b", "k": "\udc00"}' + "\n" + r'{"text": "\ud83d\ude00"}')
    artifact = add_corpus(CorpusConfig(sources=(str(tmp_path / "x.jsonl"),)), tmp_path / "out")
    broken, whole = read_documents(tmp_path / "out")
    assert broken.text == "a\ufffd b"
    assert whole.text == "😀"
    assert artifact.manifest.metrics["documents_repaired"] == 1


def test_the_same_sources_give_the_same_bytes(make_corpus: MakeCorpus) -> None:
    texts = [f"text {one}" for one in range(40)]
    one, other = make_corpus(texts, held_out=0.3), None
    before = (one.path / DOCUMENTS).read_bytes()
    source = one.path.with_suffix(".jsonl")
    other = add_corpus(CorpusConfig(sources=(str(source),), held_out=0.3), one.path.with_name("other"))
    assert (other.path / DOCUMENTS).read_bytes() == before


def test_a_cancelled_corpus_leaves_nothing_and_can_be_made_again(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "x"}\n' * 1000)
    config = CorpusConfig(sources=(str(tmp_path / "x.jsonl"),))
    switch = StopSwitch()
    switch.cancel()
    with pytest.raises(Cancelled):
        add_corpus(config, tmp_path / "out" / "corpus", progress=switch)
    assert list((tmp_path / "out").iterdir()) == []
    assert add_corpus(config, tmp_path / "out" / "corpus").manifest.metrics["documents"] == 1000


def test_a_killed_corpus_leaves_no_artifact_and_can_be_made_again(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "some words to write"}\n' * 1000)
    out = tmp_path / "corpus"
    script = f"""
import time
from pathlib import Path
from mistudio.corpora.config import CorpusConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.progress import Silent
class Slow(Silent):
    def checkpoint(self): time.sleep(0.1)
add_corpus(CorpusConfig(sources=({str(tmp_path / "x.jsonl")!r},)), Path({str(out)!r}), progress=Slow())
"""
    process = subprocess.Popen([sys.executable, "-c", script])
    try:
        deadline = time.monotonic() + 30
        while not (partial_of(out) / DOCUMENTS).exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert not out.exists()
    add_corpus(CorpusConfig(sources=(str(tmp_path / "x.jsonl"),)), out)
    assert sum(1 for _ in read_documents(out)) == 1000
    assert not partial_of(out).exists()
