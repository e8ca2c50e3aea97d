"""What of an encoded document is kept: special tokens dropped, short documents left out, long ones cut to pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt32

from mistudio.corpora.config import TokenizeConfig
from mistudio.corpora.corpus import Document
from mistudio.corpora.encode import Encoded


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive tokens of a document."""

    document: Document
    ids: UInt32[np.ndarray, " _"]
    first_token: int
    """How many tokens of the document come before."""


@dataclass
class FilterTally:
    """What the filters saw and took away."""

    documents: int = 0
    tokens: int = 0
    """Kept; a token in two overlapping pieces counts twice."""
    documents_too_short: int = 0
    tokens_cut: int = 0
    special_tokens_dropped: int = 0


def keep(
    encoded: Iterable[Encoded], config: TokenizeConfig, special_ids: frozenset[int], tally: FilterTally
) -> Iterator[Piece]:
    """The pieces to pack, in order; what was left out is counted in `tally`."""
    special = np.array(sorted(special_ids), dtype=np.uint32)
    for one in encoded:
        tally.documents += 1
        ids = one.ids
        if config.special_in_text == "drop":
            ids = ids[~np.isin(ids, special)]
            tally.special_tokens_dropped += len(one.ids) - len(ids)
        if len(ids) < config.min_length:
            tally.documents_too_short += 1
            continue
        reached = 0
        for start, end in windows(len(ids), config.truncate, config.stride):
            tally.tokens_cut += max(start - reached, 0)
            reached = end
            tally.tokens += end - start
            yield Piece(one.document, ids[start:end], start)
        tally.tokens_cut += len(ids) - reached


def windows(length: int, truncate: int | None, stride: int | None) -> Iterator[tuple[int, int]]:
    """Start and end of each piece of a document of `length` tokens; the last one reaches its end."""
    if truncate is None:
        yield 0, length
        return
    start = 0
    while True:
        end = min(start + truncate, length)
        yield start, end
        if stride is None or end == length or start + stride >= length:
            return
        start += stride
