"""A tiny model, a tiny token artifact, and a source of activations that lies in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mistudio.activations.block import ActivationBlock, Part
from mistudio.activations.outliers import TokenFilter
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import open_artifact, seal
from mistudio.corpora.config import CorpusConfig, TokenizeConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.corpora.layout import Layout
from mistudio.corpora.tokenize import tokenize_with
from mistudio.corpora.tokens import SPAN_SCHEMA, SPANS, TOKENS, Tokens
from mistudio.language_models.loading import LanguageModel
from tests.tiny_models import tiny_language_model, tiny_tokenizer

HOOK = "resid_post.1"
CONTEXT = 16


class MemorySource:
    """An `ActivationSource` of given size whose row of position p is p, p, p …"""

    hook = HOOK
    model_name = "none"
    device = torch.device("cpu")
    filter = TokenFilter()
    inputs: list[Any] = []
    excluded: dict[str, float] = {}

    def __init__(
        self, n: int, *, d: int = 3, block: int = 10, dtype: torch.dtype = torch.float32, estimate: int | None = None
    ) -> None:
        self.n_tokens = n if estimate is None else estimate
        self.d_in, self._n, self._block, self._dtype = d, n, block, dtype
        self.parts = (Part(HOOK, 0, d),)
        self.fetched: list[tuple[int, int]] = []

    @property
    def identity(self) -> dict[str, Any]:
        return {"from": "memory", "n": self._n}

    def blocks(self, epoch: int, start: int = 0) -> Iterator[ActivationBlock]:
        order = np.random.default_rng(epoch).permutation(self._n)
        for number, first in enumerate(range(0, self._n, self._block)):
            if number >= start:
                self.fetched.append((epoch, number))
                positions = torch.from_numpy(order[first : first + self._block])
                acts = positions[:, None].to(self._dtype).repeat(1, self.d_in)
                yield ActivationBlock(acts, positions * 7, positions)

    def sample(self, n: int) -> torch.Tensor:
        return torch.cat([block.acts_BD for block in self.blocks(0)])[:n]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """A tiny model is too small to share between cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def lm() -> LanguageModel:
    return tiny_language_model()


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    """Some 90 contexts of 16, of 36 documents, a quarter of them held out; BOS has id 0."""
    folder = tmp_path_factory.mktemp("tokens")
    words = ["liberty", "nation", "war", "people", "engaged", "dedicated", "fathers", "score", "testing", "great"]
    generator = np.random.default_rng(0)
    texts = [" ".join(generator.choice(words, int(generator.integers(5, 20)))) for _ in range(36)]
    source = folder / "texts.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    add_corpus(CorpusConfig(sources=(str(source),), held_out=0.25), folder / "corpus")
    tokenize_with(
        tiny_tokenizer(), folder / "corpus", "tiny", TokenizeConfig(context_length=CONTEXT), folder / "tokens"
    )
    return Tokens.open(folder / "tokens")


@pytest.fixture
def tokens_of(tmp_path: Path) -> Callable[..., Tokens]:
    """Make a token artifact of exactly the given contexts, a document each."""

    def make(ids_CT: np.ndarray, *, bos_id: int | None, special_ids: tuple[int, ...], name: str = "tokens") -> Tokens:
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder = tmp_path / name
        folder.mkdir()
        ids_CT.astype("<u2").tofile(folder / TOKENS)
        rows = [
            {
                "doc": c,
                "name": str(c),
                "held_out": False,
                "metadata": "{}",
                "start": c * ids_CT.shape[1],
                "end": (c + 1) * ids_CT.shape[1],
                "tokens": ids_CT.shape[1],
                "first_token": 0,
            }
            for c in range(len(ids_CT))
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=SPAN_SCHEMA), folder / SPANS)
        layout = Layout(
            context_length=ids_CT.shape[1],
            contexts_train=len(ids_CT),
            contexts_held_out=0,
            dtype="uint16",
            vocab_size=320,
            bos_id=bos_id,
            separator_id=None,
            special_ids=special_ids,
            tokenizer_source="tiny",
            tokenizer_sha256="0",
        )
        seal(folder, Kind.TOKENS, config={}, metrics={"layout": layout.model_dump(mode="json")})
        return Tokens(open_artifact(folder, Kind.TOKENS), layout)

    return make
