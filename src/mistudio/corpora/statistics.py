"""What is in a token artifact: lengths, vocabulary use, frequent tokens, and samples to look at.

Tokens are counted in one streaming pass over the memory map. Special tokens (BOS, separators and the rest) are not
counted as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow.parquet as pq
from jaxtyping import Int64

from mistudio.corpora.description import CorpusStatistics, FrequentToken, LengthBin, Lengths, SampleContext
from mistudio.corpora.tokens import SPANS, Tokens
from mistudio.errors import BadInput
from mistudio.progress import Progress, Silent

Decode: TypeAlias = Callable[[Sequence[int]], list[str]]
"""Token ids to one piece of text each."""

_CHUNK_TOKENS = 4_000_000
_FREQUENT = 50


def stats(tokens: Tokens, *, decode: Decode | None = None, progress: Progress | None = None) -> CorpusStatistics:
    """Describe a token artifact.

    Args:
        decode: one string per token, for the most frequent ones; the tokenizer's own pieces where not given.

    Raises:
        UnknownModel: the tokenizer's source is gone.
    """
    decode = decode or _decode_of(tokens)
    counts = count_tokens(tokens, progress or Silent())
    special = sorted(tokens.special_ids)
    text_counts = counts.copy()
    text_counts[special] = 0
    used = int((text_counts > 0).sum())
    frequent = np.argsort(-text_counts, kind="stable")[: min(_FREQUENT, used)]
    pieces = pq.read_table(tokens.artifact.path / SPANS, columns=["doc", "held_out", "tokens"])
    docs, held_out = pieces["doc"].to_numpy(), pieces["held_out"].to_numpy()
    return CorpusStatistics(
        documents=len(np.unique(docs)),
        documents_held_out=len(np.unique(docs[held_out])),
        contexts=tokens.n_contexts,
        contexts_held_out=len(tokens.rows("held_out")),
        context_length=tokens.context_length,
        tokens=len(tokens.flat),
        text_tokens=int(text_counts.sum()),
        lengths=_lengths(pieces["tokens"].to_numpy()),
        vocabulary=tokens.vocab_size,
        vocabulary_used=used,
        vocabulary_used_share=used / max(tokens.vocab_size - len(special), 1),
        most_frequent=tuple(
            FrequentToken(id=int(one), text="".join(decode([int(one)])), count=int(text_counts[one]))
            for one in frequent
        ),
    )


def count_tokens(tokens: Tokens, progress: Progress) -> Int64[np.ndarray, " V"]:
    """How often each id occurs, special ones included."""
    counts = np.zeros(tokens.vocab_size, dtype=np.int64)
    for start in range(0, len(tokens.flat), _CHUNK_TOKENS):
        counts += np.bincount(tokens.flat[start : start + _CHUNK_TOKENS], minlength=tokens.vocab_size)
        progress.advance("count tokens", min(start + _CHUNK_TOKENS, len(tokens.flat)), len(tokens.flat))
        progress.checkpoint()
    return counts


def sample(tokens: Tokens, n: int, seed: int, decode: Decode | None = None) -> list[SampleContext]:
    """Draw `n` contexts at random without repetition, in their order; all of them if there are fewer.

    Args:
        decode: one string per token; the tokenizer's own pieces where not given.

    Raises:
        BadInput: `n` is less than 1.
    """
    if n < 1:
        raise BadInput(f"{n} contexts cannot be drawn.", remedy="Ask for at least one.")
    chosen = np.random.default_rng(seed).choice(tokens.n_contexts, size=min(n, tokens.n_contexts), replace=False)
    return contexts(tokens, sorted(chosen.tolist()), decode)


def contexts(tokens: Tokens, indices: Sequence[int], decode: Decode | None = None) -> list[SampleContext]:
    """These contexts, with the names of the documents in them. Reads no more of the artifact than they take."""
    decode = decode or _decode_of(tokens)
    held_out = tokens.rows("held_out")
    samples = []
    for context in indices:
        ids = tokens.contexts([context])[0].tolist()
        rows = tokens.documents_in(context)
        samples.append(
            SampleContext(
                context=context,
                held_out=context in held_out,
                documents=tuple(row["name"] for row in rows),
                metadata=tuple(json.loads(row["metadata"]) for row in rows),
                ids=tuple(ids),
                pieces=tuple(decode(ids)),
                special=tuple(index in tokens.special_ids for index in ids),
            )
        )
    return samples


def _decode_of(tokens: Tokens) -> Decode:
    # Loads transformers, which those who bring a `decode` of their own need not wait for.
    from mistudio.language_models.loading import load_tokenizer
    from mistudio.language_models.token_text import decode_pieces

    tokenizer = load_tokenizer(tokens.tokenizer_source)
    return lambda ids: decode_pieces(tokenizer, ids)


def _lengths(lengths: Int64[np.ndarray, " pieces"]) -> Lengths:
    top = int(lengths.max()).bit_length()
    edges = [0, *(2**power for power in range(top + 1))]
    documents, _ = np.histogram(lengths, bins=np.array(edges))
    bars = tuple(
        LengthBin(low=low, high=high, documents=int(count))
        for low, high, count in zip(edges[:-1], edges[1:], documents, strict=True)
    )
    first = next(index for index, bar in enumerate(bars) if bar.documents)
    return Lengths(
        min=int(lengths.min()),
        median=float(np.median(lengths)),
        mean=float(lengths.mean()),
        max=int(lengths.max()),
        histogram=bars[first:],
    )
