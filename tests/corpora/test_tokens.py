from pathlib import Path

import numpy as np
import pytest

from mistudio.corpora.tokens import TOKENS, Tokens
from mistudio.errors import ArtifactBroken, FormatUnsupported, NotFound
from tests.corpora.conftest import MakeCorpus, MakeTokens

LINE = "The state of the union is strong, and the people of the nation are free. "


def test_every_text_token_is_traced_to_its_document(make_tokens: MakeTokens) -> None:
    tokens = make_tokens([f"{one} {LINE * (1 + one % 3)}" for one in range(20)], held_out=0.2)
    wanted = np.full(len(tokens.flat), -1)
    for row in tokens.documents.to_pylist():
        wanted[row["start"] : row["end"]] = row["doc"]
    positions = np.arange(len(tokens.flat))
    assert (tokens.document_of(positions) == wanted).all()
    separators = np.flatnonzero(tokens.flat == 1)
    assert (tokens.document_of(separators) == tokens.document_of(separators - 1)).all()
    begins = positions[:: tokens.context_length]
    assert (tokens.document_of(begins) == tokens.document_of(begins + 1)).all()


def test_positions_outside_are_refused(make_tokens: MakeTokens) -> None:
    tokens = make_tokens([LINE * 3])
    for outside in (-1, len(tokens.flat)):
        with pytest.raises(IndexError):
            tokens.document_of(np.array([0, outside]))


def test_contexts_are_the_same_by_slice_list_array_and_range(make_tokens: MakeTokens) -> None:
    tokens = make_tokens([LINE * 9])
    whole = tokens.contexts(slice(None))
    assert whole.dtype == np.int64
    assert whole.shape == (tokens.n_contexts, 16)
    assert (whole.ravel() == tokens.flat).all()
    assert (tokens.contexts([2, 0]) == whole[[2, 0]]).all()
    assert (tokens.contexts(np.array([1])) == whole[1:2]).all()
    assert (tokens.contexts(range(1, 3)) == whole[1:3]).all()
    assert tokens.contexts([]).shape == (0, 16)
    assert (tokens.contexts(range(4, 0, -2)) == whole[[4, 2]]).all()


def test_a_context_asked_for_is_a_copy_that_may_be_changed(make_tokens: MakeTokens) -> None:
    tokens = make_tokens([LINE * 9])
    tokens.contexts([0])[:] = 7
    assert tokens.contexts([0])[0, 0] == 0


def test_a_small_vocabulary_takes_two_bytes_a_token(make_tokens: MakeTokens) -> None:
    tokens = make_tokens([LINE * 9])
    assert (tokens.artifact.path / TOKENS).stat().st_size == 2 * tokens.n_contexts * tokens.context_length


def test_a_truncated_token_file_is_refused_by_name(make_tokens: MakeTokens) -> None:
    path = make_tokens([LINE * 9]).artifact.path
    with (path / TOKENS).open("r+b") as file:
        file.truncate(10)
    with pytest.raises(ArtifactBroken, match=r"tokens\.bin has 10 bytes"):
        Tokens.open(path)


def test_a_changed_token_is_found_by_a_deep_check(make_tokens: MakeTokens) -> None:
    path = make_tokens([LINE * 9]).artifact.path
    with (path / TOKENS).open("r+b") as file:
        file.write(b"\x07")
    Tokens.open(path)
    with pytest.raises(ArtifactBroken, match=r"tokens\.bin was changed"):
        Tokens.open(path, deep=True)


def test_a_corpus_is_no_token_artifact(make_corpus: MakeCorpus, tmp_path: Path) -> None:
    with pytest.raises(FormatUnsupported, match="is of kind corpus, and tokens is wanted"):
        Tokens.open(make_corpus(["a"]).path)
    with pytest.raises(NotFound):
        Tokens.open(tmp_path / "nowhere")
