import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from mistudio.corpora.statistics import sample, stats
from mistudio.errors import BadInput
from tests.corpora.conftest import MakeTokens

LINE = "The state of the union is strong, and the people of the nation are free. "


def test_statistics_agree_with_a_count_by_hand(make_tokens: MakeTokens, tokenizer: PreTrainedTokenizerFast) -> None:
    tokens = make_tokens([f"{one} {LINE * (1 + one % 4)}" for one in range(20)], held_out=0.2)
    found = stats(tokens, decode=tokenizer.convert_ids_to_tokens)
    text = tokens.flat[~np.isin(tokens.flat, [0, 1, 2])]
    ids, counts = np.unique(text, return_counts=True)
    lengths = tokens.documents["tokens"].to_numpy()
    assert (found.documents, found.documents_held_out) == (20, 4)
    assert found.contexts == tokens.n_contexts
    assert found.tokens == len(tokens.flat)
    assert found.text_tokens == len(text) == lengths.sum()
    assert (found.lengths.min, found.lengths.max) == (lengths.min(), lengths.max())
    assert found.lengths.median == np.median(lengths)
    assert sum(one.documents for one in found.lengths.histogram) == len(lengths)
    assert found.vocabulary_used == len(ids)
    assert found.vocabulary_used_share == len(ids) / (tokens.vocab_size - 3)
    assert found.most_frequent[0].count == counts.max()
    assert sum(one.count for one in found.most_frequent) <= len(text)
    top = found.most_frequent[0]
    assert top.text == tokenizer.decode([top.id])


def test_statistics_are_json(make_tokens: MakeTokens, tokenizer: PreTrainedTokenizerFast) -> None:
    found = stats(make_tokens([LINE * 5]), decode=tokenizer.convert_ids_to_tokens)
    assert type(found).model_validate_json(found.model_dump_json()) == found


def test_samples_show_whole_contexts_with_the_documents_in_them(
    make_tokens: MakeTokens, tokenizer: PreTrainedTokenizerFast
) -> None:
    tokens = make_tokens([f"{one} {LINE}" for one in range(20)], held_out=0.3)
    samples = sample(tokens, 5, seed=1, decode=tokenizer.convert_ids_to_tokens)
    assert [one.context for one in samples] == sorted({one.context for one in samples})
    for one in samples:
        positions = np.arange(16) + one.context * 16
        assert list(one.ids) == tokens.flat[positions].tolist()
        assert len(one.pieces) == 16
        docs = dict.fromkeys(tokens.document_of(positions).tolist())
        names = dict(zip(tokens.documents["doc"].to_pylist(), tokens.documents["name"].to_pylist(), strict=True))
        assert one.documents == tuple(names[doc] for doc in docs)
        assert one.held_out == (one.context in tokens.rows("held_out"))
    assert samples == sample(tokens, 5, seed=1, decode=tokenizer.convert_ids_to_tokens)


def test_more_samples_than_contexts_give_every_context(
    make_tokens: MakeTokens, tokenizer: PreTrainedTokenizerFast
) -> None:
    tokens = make_tokens([LINE * 3])
    assert len(sample(tokens, 999, seed=0, decode=tokenizer.convert_ids_to_tokens)) == tokens.n_contexts


def test_no_samples_cannot_be_drawn(make_tokens: MakeTokens) -> None:
    with pytest.raises(BadInput):
        sample(make_tokens([LINE * 3]), 0, seed=0)
