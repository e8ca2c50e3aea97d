from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mistudio.corpora.corpus import Document
from mistudio.corpora.filters import Piece, windows
from mistudio.corpora.pack import Block, Frame, pack

DOCUMENTS = st.lists(st.lists(st.integers(2, 99), min_size=1, max_size=30), max_size=12)
FRAMES = st.builds(
    Frame,
    context_length=st.integers(2, 9),
    bos_id=st.sampled_from([None, 0]),
    separator_id=st.sampled_from([None, 1]),
)


def pieces(documents: Sequence[Sequence[int]]) -> list[Piece]:
    return [
        Piece(Document(doc, f"{doc}", "", False, {}), np.array(ids, dtype=np.uint32), 0)
        for doc, ids in enumerate(documents)
    ]


def flat_of(blocks: Sequence[Block]) -> list[int]:
    return [token for block in blocks for token in block.contexts_CT.ravel().tolist()]


@given(DOCUMENTS, FRAMES, st.integers(1, 4))
def test_every_document_is_in_its_span_whole_up_to_the_dropped_tail(
    documents: list[list[int]], frame: Frame, block_contexts: int
) -> None:
    blocks = list(pack(pieces(documents), frame, block_contexts=block_contexts))
    flat = flat_of(blocks)
    spans = [span for block in blocks for span in block.spans]
    separator = [] if frame.separator_id is None else [frame.separator_id]
    found = [
        [
            token
            for at, token in enumerate(flat[span.start : span.end], span.start)
            if at % frame.context_length or not frame.lead
        ]
        for span in spans
    ]
    wanted = [[*ids, *separator] for ids in documents]
    assert found[:-1] == wanted[: len(spans) - 1] if spans else True
    if spans:
        last = wanted[len(spans) - 1]
        assert found[-1] == last[: len(found[-1])]
        assert spans[-1].tokens == min(len(found[-1]), len(documents[len(spans) - 1]))
    kept = sum(map(len, found))
    assert kept + blocks[-1].dropped_tokens == sum(map(len, wanted))
    assert kept == len(flat) // frame.context_length * frame.width
    assert blocks[-1].dropped_tokens < frame.width
    assert len(spans) + blocks[-1].dropped_pieces == len(documents)


@given(DOCUMENTS, FRAMES)
def test_spans_follow_one_another_without_gaps(documents: list[list[int]], frame: Frame) -> None:
    blocks = list(pack(pieces(documents), frame))
    spans = [span for block in blocks for span in block.spans]
    ends = [0, *(span.end for span in spans)]
    assert [span.start for span in spans] == ends[:-1]
    assert ends[-1] == len(flat_of(blocks))


@given(DOCUMENTS, FRAMES, st.integers(1, 4), st.integers(0, 5))
def test_neither_block_size_nor_first_context_changes_what_is_packed(
    documents: list[list[int]], frame: Frame, block_contexts: int, first: int
) -> None:
    whole = list(pack(pieces(documents), frame))
    parts = list(pack(pieces(documents), frame, first_context=first, block_contexts=block_contexts))
    assert flat_of(parts) == flat_of(whole)
    shift = first * frame.context_length
    spans = [(span.start - shift, span.end - shift, span.tokens) for block in parts for span in block.spans]
    assert spans == [(span.start, span.end, span.tokens) for block in whole for span in block.spans]


def test_a_bos_of_id_zero_begins_every_context() -> None:
    (block,) = pack(pieces([[5] * 10]), Frame(4, bos_id=0, separator_id=1))
    assert block.contexts_CT.tolist() == [[0, 5, 5, 5], [0, 5, 5, 5], [0, 5, 5, 5]]


def test_documents_are_never_glued_without_a_separator() -> None:
    (block,) = pack(pieces([[5, 5], [6], [7, 7]]), Frame(4, bos_id=None, separator_id=1))
    assert block.contexts_CT.tolist() == [[5, 5, 1, 6], [1, 7, 7, 1]]


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 9))
def test_pieces_of_a_stride_up_to_their_length_cover_the_document(length: int, truncate: int, stride: int) -> None:
    found = list(windows(length, truncate, min(stride, truncate)))
    assert {at for start, end in found for at in range(start, end)} == set(range(length))
    assert all(end - start <= truncate for start, end in found)


def test_without_a_stride_only_the_first_piece_is_kept() -> None:
    assert list(windows(10, 4, None)) == [(0, 4)]
    assert list(windows(3, 4, None)) == [(0, 3)]
    assert list(windows(10, None, None)) == [(0, 10)]
