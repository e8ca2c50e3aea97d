from collections import Counter

import numpy as np
import pytest

from mistudio.corpora.config import CorpusConfig
from mistudio.corpora.corpus import Document, add_corpus
from mistudio.errors import BadInput
from mistudio.evaluation.probing.config import LabelsConfig
from mistudio.evaluation.probing.documents import LabelledText, halve, label_documents, labelled_documents

PARTY = LabelsConfig(label="party", min_documents=4)


def documents(parties, **more):
    """A document for each party; `more` are other metadata, a list each."""
    return [
        Document(n, f"{n}.txt", f"text {n}", False, {"party": party} | {key: more[key][n] for key in more})
        for n, party in enumerate(parties)
    ]


def test_documents_are_sorted_by_a_value_of_their_metadata():
    found = label_documents(documents("aaaabbbbbc"), PARTY)
    assert (found.classes, found.left_out) == (["a", "b"], {"c": 1})
    assert Counter(each.label for each in found.texts) == {"a": 4, "b": 5}


def test_a_csv_with_a_text_and_a_label_column_is_enough(tmp_path):
    rows = [f"text number {n},{'ham' if n % 2 else 'spam'}" for n in range(12)]
    (tmp_path / "mail.csv").write_text("\n".join(["text,kind", *rows]))
    add_corpus(CorpusConfig(sources=(str(tmp_path / "mail.csv"),)), tmp_path / "corpus")
    found = labelled_documents(tmp_path / "corpus", LabelsConfig(label="kind", min_documents=6))
    assert found.classes == ["ham", "spam"]
    assert found.texts[0].text == "text number 0"


def test_only_the_classes_asked_for_are_kept():
    found = label_documents(documents("aaaabbbbcccc"), PARTY.model_copy(update={"classes": ("c", "a")}))
    assert (found.classes, found.left_out) == (["a", "c"], {})
    assert {each.label for each in found.texts} == {"a", "c"}


def test_a_class_with_too_few_documents_is_refused_by_name():
    with pytest.raises(BadInput, match="The class 'c' has 3 documents, and a probe needs 4."):
        label_documents(documents("aaaabbbbccc"), PARTY.model_copy(update={"classes": ("c", "a")}))
    with pytest.raises(BadInput, match=r"1 class of party has the 4 documents .* largest are a \(5\), c \(3\)"):
        label_documents(documents("aaaaaccc"), PARTY)


def test_a_label_that_is_not_there_names_those_that_are():
    with pytest.raises(BadInput, match="No document has metadata called 'sort'") as refused:
        label_documents(documents("ab", year=[1, 2]), LabelsConfig(label="sort"))
    assert "party, year" in refused.value.remedy
    with pytest.raises(BadInput, match="No label is named"):
        label_documents(documents("ab"), LabelsConfig())
    with pytest.raises(BadInput, match=r"0\.txt has no metadata called 'speaker'"):
        label_documents(documents("ab"), PARTY.model_copy(update={"group": "speaker"}))


def test_numbers_are_cut_into_classes_of_equal_size():
    years = LabelsConfig(label="year", bins=3, min_documents=4)
    found = label_documents(documents("x" * 12, year=[1800 + n for n in range(12)]), years)
    assert found.classes == ["1800 to 1803", "1804 to 1807", "1808 to 1811"]
    assert set(Counter(each.label for each in found.texts).values()) == {4}
    with pytest.raises(BadInput, match="not a number"):
        label_documents(documents("aaaabbbb"), PARTY.model_copy(update={"bins": 2}))


def test_a_text_that_occurs_again_is_left_out_and_counted():
    twice = [*documents("aaaabbbb"), *documents("aabb")]
    found = label_documents(twice, PARTY)
    assert (len(found.texts), found.repeated) == (8, 4)


def test_at_most_so_many_documents_are_drawn_the_same_on_every_call():
    few = PARTY.model_copy(update={"max_documents": 30})
    first, again = (label_documents(documents("ab" * 50), few, seed=3) for _ in range(2))
    assert len(first.texts) == 30
    assert first.texts == again.texts
    assert first.texts != label_documents(documents("ab" * 50), few, seed=4).texts


def texts_of(labels, groups=None):
    groups = groups or [str(n) for n in range(len(labels))]
    return [LabelledText("", label, group) for label, group in zip(labels, groups, strict=True)]


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_every_class_is_split_in_the_same_shares(share):
    texts = texts_of("a" * 40 + "b" * 10)
    train = halve(texts, train_share=share, seed=0)
    labels = np.array([each.label for each in texts])
    assert train[labels == "a"].sum() == 40 * share
    assert train[labels == "b"].sum() == 10 * share
    assert (train == halve(texts, train_share=share, seed=0)).all()
    assert (train != halve(texts, train_share=share, seed=1)).any()


def test_a_group_stays_on_one_side():
    draw = np.random.default_rng(0)
    groups = [f"speaker {n}" for n in draw.integers(0, 12, 100)]
    texts = texts_of(["a" if int(group.split()[1]) % 2 else "b" for group in groups], groups)
    train = halve(texts, train_share=0.5, seed=0)
    sides = {(each.group, bool(side)) for each, side in zip(texts, train, strict=True)}
    assert len(sides) == len(set(groups))
    assert 40 <= train.sum() <= 60
    with pytest.raises(BadInput, match="of the class 'a' land on one side"):
        halve(texts_of("aabb", ["x", "x", "y", "z"]), train_share=0.5, seed=0)


def test_a_share_that_leaves_no_document_for_one_side_is_refused():
    with pytest.raises(BadInput, match="land on one side"):
        halve(texts_of("aaaabbbb"), train_share=0.99, seed=0)
