"""Small real inputs: tokenized text, activations that depend on it, and a TopK SAE whose activations have ties."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mistudio.activations.block import ActivationBlock, Part
from mistudio.activations.outliers import TokenFilter
from mistudio.artifacts.manifest import Input
from mistudio.corpora.config import CorpusConfig, TokenizeConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.corpora.tokenize import tokenize_with
from mistudio.corpora.tokens import Tokens
from mistudio.features.config import FindConfig
from mistudio.features.find import find
from mistudio.features.pages import Features
from mistudio.language_models.token_text import decode_pieces
from mistudio.sae.config import TopKConfig
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights
from tests.tiny_models import tiny_tokenizer

D_IN, D_SAE, K = 12, 40, 5
DEAD, DENSE = 7, 3
"""Latents made never to fire, and to fire on nearly every token."""

SENTENCES = (
    "the cat and the cat sat on the mat and the cat ran",
    "our fathers brought forth a new nation, conceived in liberty",
    "über naïve 日本語 text 🙂 with emoji 🎉 and accents",
    "def add(a, b):\n    return a + b\n",
    "a nation so conceived and so dedicated can long endure",
)


@dataclass
class MemorySource:
    """An activation source over a table of activations, one row a flat position."""

    acts_PD: Tensor
    tokens: Tokens
    filter: TokenFilter
    hook: str = "resid_post.1"
    model_name: str = "tiny"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    contexts_in_block: int = 4
    identity: dict[str, Any] = field(default_factory=lambda: {"source": "memory"})
    inputs: list[Input] = field(default_factory=list)
    excluded: dict[str, float] = field(default_factory=dict)

    @property
    def d_in(self) -> int:
        return self.acts_PD.shape[1]

    @property
    def parts(self) -> tuple[Part, ...]:
        return (Part(self.hook, 0, self.d_in),)

    @property
    def n_tokens(self) -> int:
        return int(self.kept.sum())

    @property
    def kept(self) -> np.ndarray:
        ids = torch.from_numpy(np.asarray(self.tokens.flat).astype(np.int64))
        return self.filter.keep(ids, self.acts_PD).numpy()

    def blocks(self, epoch: int, start: int = 0) -> Iterator[ActivationBlock]:
        order = np.random.default_rng(epoch).permutation(self.tokens.n_contexts)
        kept, length = self.kept, self.tokens.context_length
        for first in range(start * self.contexts_in_block, len(order), self.contexts_in_block):
            contexts = order[first : first + self.contexts_in_block]
            positions = (contexts[:, None] * length + np.arange(length)).ravel()
            positions = positions[kept[positions]]
            ids = np.asarray(self.tokens.flat)[positions].astype(np.int64)
            yield ActivationBlock(self.acts_PD[positions], torch.from_numpy(ids), torch.from_numpy(positions))

    def sample(self, n: int) -> Tensor:
        return self.acts_PD[:n]


def make_tokens(folder: Path, texts: Sequence[str], context_length: int = 24) -> Tokens:
    """A token artifact of the given documents."""
    source = folder / "text.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    add_corpus(CorpusConfig(sources=(str(source),)), folder / "corpus")
    config = TokenizeConfig(context_length=context_length)
    tokenize_with(tiny_tokenizer(), folder / "corpus", "tiny", config, folder / "tokens")
    return Tokens.open(folder / "tokens")


def make_source(tokens: Tokens, seed: int = 0, **options: Any) -> MemorySource:
    """Small whole numbers that depend on the token and a little on its place, so that there are many ties."""
    random = np.random.default_rng(seed)
    of_token = random.integers(-3, 4, (tokens.vocab_size, D_IN))
    noise = random.integers(0, 2, (len(tokens.flat), D_IN))
    acts = torch.from_numpy((of_token[tokens.flat] + noise).astype(np.float32))
    return MemorySource(acts, tokens, TokenFilter(special_ids=tokens.special_ids), **options)


def make_sae(seed: int = 0, d_sae: int = D_SAE) -> SparseAutoencoder:
    """A TopK SAE of small whole weights; one latent is dead and one is dense."""
    generator = torch.Generator().manual_seed(seed)
    W_enc_FD = torch.randint(-2, 3, (d_sae, D_IN), generator=generator).float()
    b_enc_F = torch.zeros(d_sae)
    W_enc_FD[DEAD], b_enc_F[DEAD] = 0.0, -1.0
    b_enc_F[DENSE] = 40.0
    W_dec_FD = torch.nn.functional.normalize(torch.randn(d_sae, D_IN, generator=generator), dim=1)
    weights = Weights(W_enc_FD, b_enc_F, W_dec_FD, torch.zeros(D_IN))
    return SparseAutoencoder(TopKConfig(k=K, d_sae=d_sae), weights, hook="resid_post.1", model_name="tiny")


def dense_acts(sae: SparseAutoencoder, source: MemorySource) -> np.ndarray:
    """Brute force: every latent on every flat position; NaN on tokens that are left out."""
    acts_PF = sae.encode(source.acts_PD).numpy().copy()
    acts_PF[~source.kept] = np.nan
    return acts_PF


def open_features(path: Path) -> Features:
    """With the tiny tokenizer, which is in no directory."""
    tokenizer = tiny_tokenizer()
    return Features.open(path, decode=lambda ids: decode_pieces(tokenizer, ids))


Finder = Callable[..., Features]


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(SENTENCES, size=random.integers(2, 9))) for _ in range(24)]
    return make_tokens(tmp_path_factory.mktemp("tokens"), texts)


@pytest.fixture(scope="session")
def source(tokens: Tokens) -> MemorySource:
    return make_source(tokens)


@pytest.fixture(scope="session")
def sae() -> SparseAutoencoder:
    return make_sae()


@pytest.fixture(scope="session")
def features(
    sae: SparseAutoencoder, source: MemorySource, tokens: Tokens, tmp_path_factory: pytest.TempPathFactory
) -> Features:
    out = tmp_path_factory.mktemp("features") / "features"
    find(sae, source, tokens, None, out, FindConfig())
    return open_features(out)
