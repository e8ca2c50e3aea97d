"""A features artifact is read from its own files, cheaply, wherever it lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from mistudio.corpora.config import CorpusConfig, TokenizeConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.corpora.tokenize import tokenize
from mistudio.corpora.tokens import Tokens
from mistudio.errors import NotFound
from mistudio.features.find import find
from mistudio.features.pages import Features
from mistudio.features.statistics import Statistics, StatisticsFile
from tests.features.conftest import D_IN, DENSE, make_sae, make_source
from tests.tiny_models import save_tiny_checkpoint, tiny_language_model, tiny_tokenizer

TEXT = "über the cat and 日本語 and the mat 🎉 and so on "


def tokens_of_a_model(folder: Path) -> Tokens:
    """A home with a model, and text that was tokenized with it."""
    save_tiny_checkpoint(folder / "models" / "m")
    (folder / "text.txt").write_text(TEXT * 40, encoding="utf-8")
    add_corpus(CorpusConfig(sources=(str(folder / "text.txt"),)), folder / "corpora" / "c")
    config = TokenizeConfig(context_length=24)
    tokenize(folder / "corpora" / "c", str(folder / "models" / "m"), config, folder / "tokens" / "t")
    return Tokens.open(folder / "tokens" / "t")


def text_of(features: Features) -> str:
    return "".join(features.pieces(features.contexts(DENSE)[0].contexts[0].token_ids))


def test_features_keep_the_text_of_their_tokens(tmp_path: Path) -> None:
    tokens = tokens_of_a_model(tmp_path / "home")
    lm = tiny_language_model(hidden_size=D_IN, num_attention_heads=2, num_key_value_heads=2)
    find(make_sae(), make_source(tokens), tokens, lm, tmp_path / "f")
    shutil.rmtree(tmp_path / "home")
    features = Features.open(tmp_path / "f")
    ids = tiny_tokenizer()(TEXT).input_ids
    assert "".join(features.pieces(ids)) == TEXT
    assert text_of(features).strip("\N{REPLACEMENT CHARACTER} ") in TEXT * 2


def test_features_without_their_tokens_text_take_the_models_also_after_a_move(tmp_path: Path) -> None:
    tokens = tokens_of_a_model(tmp_path / "home")
    find(make_sae(), make_source(tokens), tokens, None, tmp_path / "home" / "features" / "f")
    assert not (tmp_path / "home" / "features" / "f" / "vocabulary").exists()
    here = text_of(Features.open(tmp_path / "home" / "features" / "f"))
    (tmp_path / "home").rename(tmp_path / "elsewhere")
    assert text_of(Features.open(tmp_path / "elsewhere" / "features" / "f")) == here


def test_a_relative_tokenizer_is_looked_for_from_the_artifact_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = tokens_of_a_model(tmp_path / "home")
    find(make_sae(), make_source(tokens), tokens, None, tmp_path / "home" / "features" / "f")
    features = Features.open(tmp_path / "home" / "features" / "f")
    features.tokenizer_source = "home/models/m"
    monkeypatch.chdir("/")
    assert text_of(features)


def test_a_tokenizer_that_is_gone_is_named_with_what_to_do(tmp_path: Path) -> None:
    tokens = tokens_of_a_model(tmp_path / "home")
    find(make_sae(), make_source(tokens), tokens, None, tmp_path / "f")
    shutil.rmtree(tmp_path / "home" / "models")
    features = Features.open(tmp_path / "f")
    assert features.latent(DENSE).groups
    with pytest.raises(NotFound, match="models/m, is gone") as raised:
        features.pieces([5])
    assert "find the features again" in raised.value.remedy


def test_another_models_vocabulary_is_not_taken_for_the_texts(tmp_path: Path, tokens: Tokens) -> None:
    lm = tiny_language_model(hidden_size=D_IN, num_attention_heads=2, num_key_value_heads=2)
    lm.tokenizer.add_tokens(["<new>"])
    find(make_sae(), make_source(tokens), tokens, lm, tmp_path / "f")
    assert not (tmp_path / "f" / "vocabulary").exists()


def test_a_row_is_read_alone_from_a_table_of_many(tmp_path: Path) -> None:
    random, n = np.random.default_rng(0), 40_000
    numbers = Statistics(
        count=random.integers(0, 9, n), density=random.random(n), max=random.random(n), mean=random.random(n),
        documents=random.integers(0, 32, n), top_tokens_FN=random.integers(-1, 99, (n, 5)),
        top_token_shares_FN=random.random((n, 5)),
    )  # fmt: skip
    numbers.write(tmp_path / "statistics.parquet")
    table = StatisticsFile(tmp_path / "statistics.parquet")
    assert len(table) == n
    for latent in (0, 1, 16_383, 16_384, 32_768, n - 1):
        assert table.row(latent) == numbers.of(latent)
    assert np.array_equal(table.read().top_tokens_FN, numbers.top_tokens_FN)
    assert table.table(["max"]).column_names == ["max"]
