from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from mistudio.corpora.tokens import Tokens
from mistudio.features.config import ContextConfig, FindConfig
from mistudio.features.contexts import Context
from mistudio.features.find import find
from mistudio.features.pages import Features
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from tests.features.conftest import (
    D_SAE,
    DENSE,
    MemorySource,
    dense_acts,
    make_source,
    make_tokens,
    open_features,
)
from tests.tiny_models import tiny_tokenizer


def all_contexts(features: Features, config: ContextConfig | None = None) -> list[tuple[int, str, Context]]:
    return [
        (latent, group.name, context)
        for latent in range(len(features))
        for group in features.contexts(latent, config)
        for context in group.contexts
    ]


def test_the_highlighted_token_is_the_strongest_of_its_passage_also_where_words_repeat(features: Features) -> None:
    contexts = all_contexts(features)
    assert len(contexts) > 200
    for _, _, context in contexts:
        assert context.peak == int(np.argmax(context.activations))
        assert context.value > 0


def test_tokens_and_activations_are_of_one_length_and_belong_together(
    features: Features, sae: SparseAutoencoder, source: MemorySource, tokens: Tokens
) -> None:
    acts_PF = np.nan_to_num(dense_acts(sae, source))
    for latent, _, context in all_contexts(features):
        length = len(context.token_ids)
        assert length == len(context.activations) == len(context.encoded)
        where = slice(context.position, context.position + length)
        assert context.token_ids == tuple(tokens.flat[where].tolist())
        assert np.allclose(context.activations, acts_PF[where, latent], rtol=1e-3)
        assert context.encoded == tuple(source.kept[where].tolist())


def test_the_pieces_of_a_passage_joined_are_its_text(features: Features) -> None:
    tokenizer = tiny_tokenizer()
    for _, _, context in all_contexts(features)[:200]:
        pieces = features.pieces(context.token_ids)
        assert len(pieces) == len(context.token_ids)
        assert "".join(pieces) == tokenizer.decode(context.token_ids)


def test_a_passage_never_leaves_its_document_or_its_context(features: Features, tokens: Tokens) -> None:
    for _, _, context in all_contexts(features, ContextConfig(window=50)):
        places = np.arange(context.position, context.position + len(context.token_ids))
        assert set(tokens.document_of(places).tolist()) == {context.document}
        assert len(set((places // tokens.context_length).tolist())) == 1


def test_bos_and_separators_are_never_shown(features: Features, tokens: Tokens) -> None:
    assert len(tokens.special_ids) >= 2
    for _, _, context in all_contexts(features, ContextConfig(window=50)):
        assert not tokens.special_ids & set(context.token_ids)


def test_a_passage_is_as_long_as_the_text_allows(features: Features, tokens: Tokens) -> None:
    special = np.isin(tokens.flat, sorted(tokens.special_ids))
    for _, _, context in all_contexts(features, ContextConfig(window=4)):
        before, after = context.peak, len(context.token_ids) - context.peak - 1
        assert before <= 4
        assert after <= 4
        first, last = context.position, context.position + len(context.token_ids) - 1
        if before < 4:
            assert first % tokens.context_length == 0 or special[first - 1]
        if after < 4:
            assert (last + 1) % tokens.context_length == 0 or special[last + 1]


def test_a_group_has_one_passage_a_document_and_a_page_shows_no_passage_twice(features: Features) -> None:
    for latent in range(D_SAE):
        groups = features.contexts(latent)
        for group in groups:
            documents = [context.document for context in group.contexts]
            assert len(documents) == len(set(documents))
        shown = [context.token_ids for group in groups for context in group.contexts]
        assert len(shown) == len(set(shown))


def test_the_top_group_is_what_brute_force_over_documents_gives(
    features: Features, sae: SparseAutoencoder, source: MemorySource, tokens: Tokens
) -> None:
    acts_PF = np.nan_to_num(dense_acts(sae, source))
    documents = tokens.document_of(np.arange(len(tokens.flat)))
    for latent in range(D_SAE):
        best = sorted((acts_PF[documents == d, latent].max() for d in set(documents.tolist())), reverse=True)
        groups = features.contexts(latent, ContextConfig(top=3))
        found = [context.value for context in groups[0].contexts] if groups else []
        # A document whose best passage repeats another's gives its next, so the found ones may be a little weaker.
        assert found[:1] == pytest.approx([b for b in best[:1] if b > 0], rel=1e-3)
        assert all(f <= b * 1.001 for f, b in zip(found, best, strict=False))


def test_intervals_hold_equally_many_peaks_and_bound_the_passages_drawn(features: Features) -> None:
    groups = features.contexts(DENSE, ContextConfig(top=2, intervals=4, per_interval=3, window=2))
    intervals = [group for group in groups if group.name != "top"]
    assert len(intervals) == 4
    sizes = [group.passages for group in intervals]
    assert max(sizes) - min(sizes) <= 1
    assert sum(sizes) <= groups[0].passages - len(groups[0].contexts)
    assert all(a.low >= b.high for a, b in pairwise(intervals))
    for group in intervals:
        values = [context.value for context in group.contexts]
        assert values == sorted(values, reverse=True)
        assert all(group.low <= value <= group.high for value in values)


def test_no_interval_has_a_stronger_passage_than_the_top_group(features: Features) -> None:
    for latent in range(D_SAE):
        groups = features.contexts(latent, ContextConfig(top=3, intervals=3))
        if len(groups) > 1 and len(groups[0].contexts) == 3:
            assert groups[0].low >= groups[1].high


def test_a_rare_latent_shows_what_there_is_and_nothing_else(
    sae: SparseAutoencoder, source: MemorySource, tokens: Tokens, tmp_path: Path
) -> None:
    find(sae, source, tokens, None, tmp_path / "f", FindConfig(max_tokens=80))
    features = open_features(tmp_path / "f")
    counts = features.statistics.count
    rare = [int(latent) for latent in np.flatnonzero((counts > 0) & (counts < 12))]
    assert len(rare) > 5
    for latent in rare:
        shown = [context for group in features.contexts(latent) for context in group.contexts]
        assert 0 < len(shown) <= counts[latent]


def test_a_page_is_the_same_every_time_and_another_seed_draws_others(features: Features) -> None:
    again = open_features(features.artifact.path)
    assert features.contexts(DENSE) == again.contexts(DENSE)
    other = features.contexts(DENSE, ContextConfig(seed=1))
    assert other[0] == features.contexts(DENSE)[0]
    assert other != features.contexts(DENSE)


def test_a_very_dense_latent_is_sampled_by_context_and_keeps_its_true_peaks(
    features: Features, sae: SparseAutoencoder, source: MemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = features.contexts(DENSE)
    monkeypatch.setattr("mistudio.features.contexts._HITS_AT_ONCE", 400)
    assert features.latents.count(DENSE) > 800
    sampled = features.contexts(DENSE)
    assert sampled[0].contexts[:5] == whole[0].contexts[:5]
    assert len(sampled) > 3
    for group in sampled:
        for context in group.contexts:
            assert context.peak == int(np.argmax(context.activations))


def test_a_text_repeated_in_many_documents_is_shown_once(sae: SparseAutoencoder, tmp_path: Path) -> None:
    boilerplate = "all rights reserved. no part of this may be reproduced"
    tokens = make_tokens(tmp_path, [boilerplate] * 60, context_length=64)
    source = make_source(tokens)
    of_token = torch.randn(tokens.vocab_size, source.d_in, generator=torch.Generator().manual_seed(0))
    source.acts_PD = of_token[torch.from_numpy(np.asarray(tokens.flat).astype(np.int64))]
    find(sae, source, tokens, None, tmp_path / "f")
    features = open_features(tmp_path / "f")
    for latent in range(D_SAE):
        shown = [context.token_ids for group in features.contexts(latent) for context in group.contexts]
        assert len(shown) == len(set(shown))


def test_a_corpus_of_one_document_still_fills_its_groups(sae: SparseAutoencoder, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = ["nation", "liberty", "war", "the", "cat", "men", "equal", "🙂", "(a,", "b)"]
    tokens = make_tokens(tmp_path, [" ".join(random.choice(words, 3000))], context_length=64)
    find(sae, make_source(tokens), tokens, None, tmp_path / "f")
    features = open_features(tmp_path / "f")
    groups = features.contexts(DENSE)
    assert len(groups[0].contexts) == 12
    positions = sorted(context.position + context.peak for context in groups[0].contexts)
    for earlier, later in pairwise(positions):
        assert later - earlier > 16 or later // 64 != earlier // 64


def test_whole_passages_are_the_same_ones_with_more_around_them(features: Features) -> None:
    narrow, whole = ContextConfig(window=3), ContextConfig(window=3, whole=True)
    longer = 0
    for latent in range(D_SAE):
        groups = zip(features.contexts(latent, narrow), features.contexts(latent, whole), strict=True)
        for few, many in groups:
            assert (few.name, few.low, few.high, few.passages) == (many.name, many.low, many.high, many.passages)
            for small, large in zip(few.contexts, many.contexts, strict=True):
                shown = slice(max(0, large.peak - 3), large.peak + 4)
                assert large.token_ids[shown] == small.token_ids
                assert large.activations[shown] == small.activations
                assert large.encoded[shown] == small.encoded
                assert large.position + large.peak == small.position + small.peak
                longer += len(large.token_ids) > len(small.token_ids)
    assert longer > 100


def test_a_whole_passage_leaves_neither_its_document_nor_its_context(
    features: Features, tokens: Tokens, source: MemorySource
) -> None:
    for _, _, context in all_contexts(features, ContextConfig(whole=True)):
        where = np.arange(context.position, context.position + len(context.token_ids))
        assert len(set((where // tokens.context_length).tolist())) == 1
        assert len(set(tokens.document_of(where).tolist())) == 1
        assert not set(context.token_ids) & tokens.special_ids
