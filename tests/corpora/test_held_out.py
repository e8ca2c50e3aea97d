import numpy as np
import pytest

from mistudio.corpora.corpus import read_documents
from mistudio.corpora.held_out import fingerprint, held_out
from tests.corpora.conftest import MakeCorpus


@pytest.mark.parametrize(("documents", "share", "expected"), [(2, 0.01, 1), (2, 0.99, 1), (233, 0.1, 23), (1, 0.5, 0)])
def test_the_share_is_met_to_a_document_and_neither_side_is_empty(documents: int, share: float, expected: int) -> None:
    fingerprints = np.array([fingerprint(str(one)) for one in range(documents)], dtype=np.uint64)
    assert held_out(fingerprints, share).sum() == expected


def test_nothing_is_held_out_unless_asked_for(make_corpus: MakeCorpus) -> None:
    assert not any(document.held_out for document in read_documents(make_corpus(["a", "b", "c"]).path))


def test_the_choice_is_the_documents_own_and_not_their_orders(make_corpus: MakeCorpus) -> None:
    names = [f"doc {one}" for one in range(50)]
    forward = np.array([fingerprint(name) for name in names], dtype=np.uint64)
    chosen = {name for name, out in zip(names, held_out(forward, 0.2), strict=True) if out}
    backward = {name for name, out in zip(names[::-1], held_out(forward[::-1].copy(), 0.2), strict=True) if out}
    assert chosen == backward
    assert len(chosen) == 10


def test_both_sides_together_are_the_corpus(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus([f"text {one}" for one in range(20)], held_out=0.25)
    train = [document.doc for document in read_documents(corpus.path, held_out=False)]
    aside = [document.doc for document in read_documents(corpus.path, held_out=True)]
    assert len(aside) == corpus.manifest.metrics["held_out_documents"] == 5
    assert sorted(train + aside) == list(range(20))


def test_the_same_text_under_two_names_is_never_on_both_sides() -> None:
    fingerprints = np.array([fingerprint(str(one // 4)) for one in range(80)], dtype=np.uint64)
    for share in (0.01, 0.1, 0.33, 0.5, 0.99):
        aside = held_out(fingerprints, share).reshape(20, 4)
        assert (aside.all(axis=1) | ~aside.any(axis=1)).all()
        assert 0 < aside.sum() < 80


def test_one_text_repeated_is_not_set_aside_from_itself() -> None:
    assert not held_out(np.array([7, 7, 7], dtype=np.uint64), 0.5).any()
