"""Looking into a corpus: pages, searches and what it is like."""

import shutil
from pathlib import Path

import pytest

from mistudio.artifacts.manifest import Artifact
from mistudio.corpora import corpus
from mistudio.corpora.documents import Documents, Selection, statistics
from mistudio.errors import ArtifactBroken, NotFound
from tests.corpora.conftest import MakeCorpus

TEXTS = [f"number {number} " + "word " * (number % 7) for number in range(40)]
STRANGE = "👩‍👩‍👧 家族 ﷽ \x00 \ufeff 𐍈"


@pytest.fixture
def many(make_corpus: MakeCorpus, monkeypatch: pytest.MonkeyPatch) -> Artifact:
    """A corpus of 41 documents in row groups of four."""
    monkeypatch.setattr(corpus, "_GROUP_DOCUMENTS", 4)
    return make_corpus([*TEXTS, STRANGE], held_out=0.25)


def everything(selection: Selection) -> list[int]:
    found = [sample.doc for sample in selection.page(0, 1000, seconds=60)]
    assert selection.complete
    return found


def test_a_page_holds_the_documents_asked_for_in_their_order(many: Artifact) -> None:
    documents = Documents(many.path)
    assert len(documents) == 41
    page = documents.read(range(2, 11), characters=1000)
    assert [sample.doc for sample in page] == list(range(2, 11))
    assert [sample.text for sample in page] == TEXTS[2:11]
    assert [sample.characters for sample in page] == [len(text) for text in TEXTS[2:11]]


def test_texts_are_cut_by_characters_and_never_within_one(many: Artifact) -> None:
    documents = Documents(many.path)
    whole = documents.document(40, characters=1000)
    assert (whole.text, whole.characters, whole.offset) == (STRANGE, len(STRANGE), 0)
    part = documents.document(40, characters=4, offset=6)
    assert (part.text, part.offset) == (STRANGE[6:10], 6)
    assert documents.document(40, characters=4, offset=1000).text == ""


def test_a_document_that_there_is_not_is_said_so(many: Artifact) -> None:
    for doc in (-1, 41):
        with pytest.raises(NotFound, match=f"There is no document {doc}"):
            Documents(many.path).document(doc, characters=1)


@pytest.mark.parametrize(
    ("text", "found"),
    [("NUMBER 3", [3, *range(30, 40)]), ("家族", [40]), ("\x00", [40]), ("(", []), (".*", []), ("#7", [6])],
)
def test_a_search_finds_what_occurs_in_text_or_name_and_takes_it_literally(
    many: Artifact, text: str, found: list[int]
) -> None:
    assert everything(Selection(Documents(many.path), text=text, held_out=None)) == found


def test_both_sides_of_the_split_together_are_all_documents(many: Artifact) -> None:
    documents = Documents(many.path)
    sides = [everything(Selection(documents, text=None, held_out=side)) for side in (True, False)]
    assert len(sides[0]) == many.manifest.metrics["held_out_documents"] == 10
    assert sorted(sides[0] + sides[1]) == list(range(41))
    of_both = everything(Selection(documents, text="number 3", held_out=True))
    assert of_both == [doc for doc in sides[0] if doc in (3, *range(30, 40))]


def test_a_search_goes_on_where_its_time_was_over(many: Artifact) -> None:
    selection = Selection(Documents(many.path), text="number 3", held_out=None)
    pages = 0
    while not selection.complete:
        before = selection.searched
        selection.page(0, 100, seconds=1e-9)
        assert selection.searched > before
        pages += 1
    assert pages == 11
    assert everything(selection) == [3, *range(30, 40)]


def test_a_search_reads_no_further_than_the_page_takes(many: Artifact) -> None:
    selection = Selection(Documents(many.path), text="number", held_out=None)
    assert [sample.doc for sample in selection.page(0, 3, seconds=60)] == [0, 1, 2]
    assert selection.searched == 4
    assert [sample.doc for sample in selection.page(36, 3, seconds=60)] == [36, 37, 38]


def test_hits_beyond_those_kept_are_read_again(many: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Selection(Documents(many.path), text="word", held_out=None).page(0, 100, seconds=60)
    monkeypatch.setattr("mistudio.corpora.documents._KEPT_HITS", 3)
    assert Selection(Documents(many.path), text="word", held_out=None).page(0, 100, seconds=60) == kept


def test_a_hit_is_shown_from_just_before_the_place(make_corpus: MakeCorpus) -> None:
    text = "a " * 5000 + "NEEDLE 🦊" + " b" * 5000
    path = make_corpus([text]).path
    (hit,) = Selection(Documents(path), text="needle", held_out=None, characters=100).page(0, 5, seconds=60)
    assert len(hit.text) == 100
    assert hit.text == text[hit.offset : hit.offset + 100]
    assert "NEEDLE 🦊" in hit.text
    assert hit.characters == len(text)


def test_statistics_agree_with_a_count_by_hand(many: Artifact) -> None:
    found = statistics(many.path)
    texts = [*TEXTS, STRANGE]
    assert (found.documents, found.documents_held_out) == (41, 10)
    assert found.characters == sum(map(len, texts)) == many.manifest.metrics["characters"]
    assert found.utf8_bytes == sum(len(text.encode()) for text in texts)
    assert (found.lengths.min, found.lengths.max) == (min(map(len, texts)), max(map(len, texts)))
    assert sum(bar.documents for bar in found.lengths.histogram) == 41
    assert found.metadata == ()


def test_statistics_name_the_metadata_with_examples(make_corpus: MakeCorpus, tmp_path: Path) -> None:
    lines = '{"text": "a", "year": 1790, "place": null}\n{"text": "b", "year": 1791, "who": "' + "x" * 500 + '"}\n'
    (tmp_path / "rows.jsonl").write_text(lines, encoding="utf-8")
    from mistudio.corpora.config import CorpusConfig

    made = corpus.add_corpus(CorpusConfig(sources=(str(tmp_path / "rows.jsonl"),)), tmp_path / "rows")
    fields = {field.name: field for field in statistics(made.path).metadata}
    assert fields["year"].examples == (1790, 1791)
    assert (fields["year"].documents, fields["who"].documents) == (2, 1)
    assert fields["place"].examples == ()
    assert [len(str(each)) for each in fields["who"].examples] == [80]


def test_a_broken_file_is_named(many: Artifact, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(many.path, copy)
    size = (copy / "documents.parquet").stat().st_size
    (copy / "documents.parquet").write_bytes(b"\0" * size)
    with pytest.raises(ArtifactBroken, match=r"documents\.parquet cannot be read"):
        Documents(copy)
