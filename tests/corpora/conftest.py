"""Small corpora of given texts, and a tokenizer whose BOS has id 0."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from mistudio.artifacts.manifest import Artifact
from mistudio.corpora.config import CorpusConfig, TokenizeConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.corpora.tokenize import tokenize_with
from mistudio.corpora.tokens import Tokens
from tests.tiny_models import tiny_tokenizer

MakeCorpus = Callable[..., Artifact]
MakeTokens = Callable[..., Tokens]


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    return tiny_tokenizer()


@pytest.fixture
def make_corpus(tmp_path: Path) -> MakeCorpus:
    """Make a corpus of the given texts, one a line of a .jsonl file."""

    def make(texts: Sequence[str], name: str = "corpus", **options: Any) -> Artifact:
        source = tmp_path / f"{name}.jsonl"
        source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        return add_corpus(CorpusConfig(sources=(str(source),), **options), tmp_path / name)

    return make


@pytest.fixture
def make_tokens(tmp_path: Path, tokenizer: PreTrainedTokenizerFast, make_corpus: MakeCorpus) -> MakeTokens:
    """Make a corpus of the given texts and tokenize it; options that are not `held_out` go to `TokenizeConfig`."""

    def make(texts: Sequence[str], name: str = "tokens", held_out: float = 0.0, **options: Any) -> Tokens:
        corpus = make_corpus(texts, f"{name}-corpus", held_out=held_out)
        config = TokenizeConfig(**{"context_length": 16, **options})
        tokenize_with(tokenizer, corpus.path, "tiny", config, tmp_path / name)
        return Tokens.open(tmp_path / name)

    return make
