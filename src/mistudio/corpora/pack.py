"""Lay documents end to end into contexts of equal length. Pure: pieces in, arrays and spans out.

1. The tokens of all pieces, each followed by the separator, form one stream, the body.
2. A context is the BOS, where there is one, and the next tokens of the body; nothing is padded.
3. A piece's span is where its tokens and its separator lie. A BOS belongs to the token that follows it, so that spans
   follow each other without gaps and every position has one document.
4. The last, unfilled context is dropped, and with it the end of the last piece or whole pieces.

Memory is bounded by one block of contexts plus one document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt32

from mistudio.corpora.filters import Piece


@dataclass(frozen=True, slots=True)
class Frame:
    """The shape of a context."""

    context_length: int
    bos_id: int | None
    separator_id: int | None

    @property
    def lead(self) -> int:
        """Positions that the BOS takes: 1 or 0. Id 0 is a BOS like any other."""
        return 0 if self.bos_id is None else 1

    @property
    def width(self) -> int:
        """Body tokens in a context."""
        return self.context_length - self.lead

    def flat(self, body: int) -> int:
        """Where the part of the stream that begins at body token `body` begins: at the BOS if one stands before it."""
        context, offset = divmod(body, self.width)
        return context * self.context_length + (offset + self.lead if offset else 0)

    def contexts(self, body: UInt32[np.ndarray, " _"]) -> UInt32[np.ndarray, "C T"]:
        """The body as contexts; its length must be a multiple of `width`."""
        rows = body.reshape(-1, self.width)
        if self.bos_id is None:
            return rows
        return np.concatenate([np.full((len(rows), 1), self.bos_id, dtype=np.uint32), rows], axis=1)


@dataclass(frozen=True, slots=True)
class Span:
    """Where a piece lies."""

    piece: Piece
    start: int
    """First flat position; of a BOS if the piece begins a context."""
    end: int
    """One past the last flat position; the separator lies inside."""
    tokens: int
    """Tokens of text inside, BOS and separator not counted."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some finished contexts, and the spans that end in them."""

    contexts_CT: UInt32[np.ndarray, "C T"]
    spans: list[Span]
    dropped_tokens: int = 0
    """Body tokens that did not fill a context; in the last block only."""
    dropped_pieces: int = 0
    """Pieces of which no token was kept; in the last block only."""


def pack(
    pieces: Iterable[Piece], frame: Frame, *, first_context: int = 0, block_contexts: int = 1024
) -> Iterator[Block]:
    """Pack pieces into blocks of at least `block_contexts` contexts; the last block may be smaller or empty.

    Args:
        first_context: context in which the first piece begins; spans count from there.
    """
    separator = np.array([] if frame.separator_id is None else [frame.separator_id], dtype=np.uint32)
    base = first_context * frame.width
    stream: list[UInt32[np.ndarray, " _"]] = []
    waiting: list[tuple[Piece, int, int]] = []
    end = base
    for piece in pieces:
        stream += [piece.ids, separator]
        waiting.append((piece, end, end + len(piece.ids) + len(separator)))
        end = waiting[-1][2]
        if end - base >= block_contexts * frame.width:
            base, rest, block = _fill(stream, waiting, frame, base)
            stream = [rest]
            waiting = waiting[len(block.spans) :]
            yield block
    base, rest, block = _fill(stream, waiting, frame, base)
    cut = waiting[len(block.spans) :]
    begun = [_span(*one, frame, base) for one in cut if one[1] < base]
    yield Block(block.contexts_CT, block.spans + begun, len(rest), len(cut) - len(begun))


def _fill(
    stream: list[UInt32[np.ndarray, " _"]], waiting: list[tuple[Piece, int, int]], frame: Frame, base: int
) -> tuple[int, UInt32[np.ndarray, " _"], Block]:
    body = np.concatenate([np.array([], dtype=np.uint32), *stream])
    filled = len(body) // frame.width * frame.width
    spans = [_span(*one, frame, base + filled) for one in waiting if one[2] <= base + filled]
    return base + filled, body[filled:], Block(frame.contexts(body[:filled]), spans)


def _span(piece: Piece, start: int, end: int, frame: Frame, limit: int) -> Span:
    return Span(piece, frame.flat(start), frame.flat(min(end, limit)), min(len(piece.ids), limit - start))
