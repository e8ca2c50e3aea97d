"""A corpus to a token artifact, in one stream.

1. Read the training documents, then the held-out ones; encode them in batches (encode.py).
2. Filter and cut them (filters.py), pack them into contexts (pack.py), and append contexts and spans to the files.
3. Seal: the layout, what was left out, and the rate stand in the manifest.

Memory is bounded by a batch of documents and a block of contexts. Knows no model but its tokenizer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from transformers import PreTrainedTokenizerBase

from mistudio.artifacts.atomic import new_directory
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, open_artifact, seal
from mistudio.corpora.boundaries import boundaries, special_ids, vocabulary, vocabulary_sha256
from mistudio.corpora.config import TokenizeConfig
from mistudio.corpora.corpus import read_documents
from mistudio.corpora.encode import Encoded, encode
from mistudio.corpora.filters import FilterTally, keep
from mistudio.corpora.layout import Layout
from mistudio.corpora.pack import Block, Frame, Span, pack
from mistudio.corpora.tokens import SPAN_SCHEMA, SPANS, TOKENS
from mistudio.errors import EmptyCorpus
from mistudio.language_models.loading import load_tokenizer
from mistudio.progress import Progress, Silent

_SPAN_ROWS = 16_384
_SHORTEST_ADVISED = 16


def tokenize(
    corpus: Path | str,
    model_source: str,
    config: TokenizeConfig,
    out: Path | str,
    *,
    progress: Progress | None = None,
) -> Artifact:
    """Tokenize and pack a corpus with the tokenizer of a model.

    Args:
        corpus: a corpus artifact.
        model_source: Hub id, local directory or .gguf file.
        out: directory to make.

    Raises:
        UnknownModel: there is no such tokenizer.
        BadInput: the tokenizer lacks the separator asked for.
        EmptyCorpus: the documents of a split do not fill one context.
        ArtifactExists: `out` is there already.
        Interrupted: `progress` stopped the work; nothing is left of it.
    """
    return tokenize_with(load_tokenizer(model_source), corpus, model_source, config, out, progress=progress)


def tokenize_with(
    tokenizer: PreTrainedTokenizerBase,
    corpus: Path | str,
    model_source: str,
    config: TokenizeConfig,
    out: Path | str,
    *,
    progress: Progress | None = None,
) -> Artifact:
    """As `tokenize`, with a tokenizer that is already loaded; `model_source` names it in the manifest."""
    source = open_artifact(corpus, Kind.CORPUS)
    limits = boundaries(tokenizer, config)
    special = special_ids(tokenizer)
    pieces = vocabulary(tokenizer)
    vocab_size = pieces[-1][0] + 1
    dtype: Literal["uint16", "uint32"] = "uint16" if vocab_size <= 2**16 else "uint32"
    frame = Frame(config.context_length, limits.bos_id, limits.separator_id)
    with new_directory(out) as partial:
        with _Writer(partial, dtype) as writer:
            run = _Run(tokenizer, source, config, frame, special, progress or Silent())
            train = run.write(held_out=False, writer=writer)
            kept_apart = source.manifest.metrics["held_out_documents"] > 0
            held_out = run.write(held_out=True, writer=writer) if kept_apart else 0
        layout = Layout(
            context_length=config.context_length,
            contexts_train=train,
            contexts_held_out=held_out,
            dtype=dtype,
            vocab_size=vocab_size,
            bos_id=limits.bos_id,
            separator_id=limits.separator_id,
            special_ids=tuple(sorted(special)),
            tokenizer_source=model_source,
            tokenizer_sha256=vocabulary_sha256(pieces),
            note=limits.note,
        )
        seal(
            partial,
            Kind.TOKENS,
            config={"model": model_source, **config.model_dump(mode="json")},
            inputs=[source.as_input()],
            metrics={**run.metrics(), "layout": layout.model_dump(mode="json")},
        )
    return open_artifact(out, Kind.TOKENS)


@dataclass
class _Run:
    """The stream from documents to contexts, and what is counted on the way."""

    tokenizer: PreTrainedTokenizerBase
    corpus: Artifact
    config: TokenizeConfig
    frame: Frame
    special_ids: frozenset[int]
    progress: Progress
    filtered: FilterTally = field(default_factory=FilterTally)
    contexts: int = 0
    documents: int = 0
    documents_held_out: int = 0
    text_tokens: int = 0
    tokens_dropped: int = 0
    pieces_dropped: int = 0
    started: float = field(default_factory=time.perf_counter)

    def write(self, *, held_out: bool, writer: _Writer) -> int:
        """Tokenize and append one side of the split; returns its number of contexts."""
        config = self.config
        tokens_before, contexts_before = self.filtered.tokens, self.contexts
        encoded = encode(
            read_documents(self.corpus.path, held_out=held_out),
            self.tokenizer,
            special=config.special_in_text != "text",
            processes=config.processes,
        )
        pieces = keep(self._reported(encoded), config, self.special_ids, self.filtered)
        body = 0
        for block in pack(pieces, self.frame, first_context=contexts_before):
            writer.add(block)
            self._count(block)
            body += len(block.contexts_CT) * self.frame.width + block.dropped_tokens
        if self.contexts == contexts_before:
            raise self._too_little(self.filtered.tokens - tokens_before, body, held_out=held_out)
        return self.contexts - contexts_before

    def _reported(self, encoded: Iterable[Encoded]) -> Iterator[Encoded]:
        documents = self.corpus.manifest.metrics["documents"]
        for one in encoded:
            self.progress.checkpoint()
            yield one
            self.progress.advance("tokenize", self.filtered.documents, documents, tokens_per_second=self._rate())

    def _count(self, block: Block) -> None:
        self.contexts += len(block.contexts_CT)
        # A document's first piece begins at its first token.
        begun = [span.piece.document for span in block.spans if span.piece.first_token == 0]
        self.documents += len(begun)
        self.documents_held_out += sum(document.held_out for document in begun)
        self.text_tokens += sum(span.tokens for span in block.spans)
        self.tokens_dropped += block.dropped_tokens
        self.pieces_dropped += block.dropped_pieces

    def _rate(self) -> float:
        return self.filtered.tokens / max(time.perf_counter() - self.started, 1e-9)

    def metrics(self) -> dict[str, Any]:
        """What stands in the manifest."""
        return {
            "documents": self.documents,
            "documents_held_out": self.documents_held_out,
            "documents_too_short": self.filtered.documents_too_short,
            "contexts": self.contexts,
            "tokens": self.contexts * self.config.context_length,
            "text_tokens": self.text_tokens,
            "tokens_dropped": self.tokens_dropped,
            "pieces_dropped": self.pieces_dropped,
            "tokens_cut": self.filtered.tokens_cut,
            "special_tokens_dropped": self.filtered.special_tokens_dropped,
            "tokens_per_second": round(self._rate()),
        }

    def _too_little(self, tokens: int, body: int, *, held_out: bool) -> EmptyCorpus:
        whose = "held-out documents hold" if held_out else "documents hold"
        too_short = self.filtered.documents_too_short
        if tokens == 0 and too_short:
            return EmptyCorpus(
                f"All {too_short:,} documents are shorter than {self.config.min_length:,} tokens.",
                remedy="Choose a smaller --min-length.",
            )
        more = "hold out a larger share" if held_out else "add text"
        longest = body + self.frame.lead
        shorter = f", or choose --context-length {longest} or less" if longest >= _SHORTEST_ADVISED else ""
        return EmptyCorpus(
            f"The {whose} {tokens:,} token{'s' * (tokens != 1)}, which do not fill one context of "
            f"{self.config.context_length:,}.",
            remedy=f"{more.capitalize()}{shorter}.",
        )


class _Writer:
    """Appends contexts and spans to the artifact's two files."""

    def __init__(self, directory: Path, dtype: str) -> None:
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._tokens = (directory / TOKENS).open("wb")
        self._spans = pq.ParquetWriter(directory / SPANS, SPAN_SCHEMA, compression="zstd")
        self._waiting: list[Span] = []

    def add(self, block: Block) -> None:
        """Append a block."""
        # Not ndarray.tofile: it reports a full disk without saying so.
        self._tokens.write(np.ascontiguousarray(block.contexts_CT, dtype=self._dtype).data)
        self._waiting += block.spans
        if len(self._waiting) >= _SPAN_ROWS:
            self._flush()

    def _flush(self) -> None:
        rows = [_row(span) for span in self._waiting]
        if rows:
            self._spans.write_table(pa.Table.from_pylist(rows, schema=SPAN_SCHEMA))
        self._waiting = []

    def __enter__(self) -> _Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._spans.close()
            self._tokens.close()


def _row(span: Span) -> dict[str, Any]:
    document = span.piece.document
    return {
        "doc": document.doc,
        "name": document.name,
        "held_out": document.held_out,
        "metadata": json.dumps(document.metadata, ensure_ascii=False),
        "start": span.start,
        "end": span.end,
        "tokens": span.tokens,
        "first_token": span.piece.first_token,
    }
