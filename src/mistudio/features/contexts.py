"""The passages that a page shows for one latent, sliced from the index when they are asked for.

1. A peak is a token on which the latent is active and which no stronger token of the same text stands within the window
   of; among equals the first. Only peaks are shown, so that the highlighted token is the strongest of its window.
2. The top group takes the strongest peaks, the interval groups draw from equal-count intervals of the weaker ones.
3. In each group a document has at most one passage; two passages of the same tokens are shown once a page. What the
   top group leaves out for that is in no interval either: none is stronger than the weakest of a full top group.
4. A window ends at its document's end, its context's end, and before BOS, separator and other special tokens.

A latent that is active more than 32,768 times shows the top of its strongest 32,768, and intervals of a seeded sample
of contexts. In a corpus of fewer documents than a group has places, a document has as many as fill them. The draw
depends on the SAE, the latent and the seed only. Knows token ids, no text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mistudio.features.config import ContextConfig
from mistudio.features.index import Hits, LatentIndex
from mistudio.features.token_index import TokenIndex

_HITS_AT_ONCE = 1 << 15
_TRIES = 128
"""Passages looked at for one group; more are only needed where text repeats itself."""
_SPARE = 2
"""Further passages of a document that are tried where its best one repeats another document's."""


@dataclass(frozen=True)
class Context:
    """A passage. `token_ids`, `activations` and `encoded` are of one length."""

    document: int
    document_name: str
    position: int
    """Flat position of the first token."""
    token_ids: tuple[int, ...]
    activations: tuple[float, ...]
    """The latent's on each token; 0 where it is not active."""
    encoded: tuple[bool, ...]
    """False for tokens that were excluded, whose activation nobody knows."""
    peak: int
    """Place of the strongest token."""

    @property
    def value(self) -> float:
        """The strongest activation."""
        return self.activations[self.peak]


@dataclass(frozen=True)
class ContextGroup:
    """Some passages of like strength, strongest first."""

    name: str
    low: float
    """The interval's weakest peak; of the top group, the weakest shown."""
    high: float
    """The interval's strongest peak."""
    passages: int
    """Peaks in the interval; of the top group, all peaks."""
    contexts: tuple[Context, ...]


class Documents:
    """Which document lies where.

    Args:
        table: a row a piece of a document: doc, name, start, end (flat positions).
    """

    def __init__(self, table: pa.Table) -> None:
        table = table.sort_by("start")
        self.table = table
        self.starts: NDArray[np.int64] = table["start"].to_numpy()
        self.ends: NDArray[np.int64] = table["end"].to_numpy()
        self.docs: NDArray[np.int64] = table["doc"].to_numpy()
        self.number = len(np.unique(self.docs))

    def pieces(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The row of the piece that each position lies in."""
        return np.searchsorted(self.starts, positions, side="right") - 1


class _Peaks(NamedTuple):
    """Peaks of one latent, strongest first; equals by position."""

    positions: NDArray[np.int64]
    values: NDArray[np.float32]
    documents: NDArray[np.int64]

    def take(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> _Peaks:
        return _Peaks(self.positions[chosen], self.values[chosen], self.documents[chosen])


class ContextReader:
    """Reads passages of any latent.

    Args:
        latents: where each latent is active.
        tokens: what is active on each token, and its text.
        documents: where documents begin and end.
        special_ids: tokens that are no text.
        identity: of the SAE; a number that seeds the draws.
    """

    def __init__(
        self, latents: LatentIndex, tokens: TokenIndex, documents: Documents, special_ids: Iterable[int], identity: int
    ) -> None:
        self._latents = latents
        self._tokens = tokens
        self._documents = documents
        self._special_ids = np.array(sorted(special_ids), np.int64)
        self._identity = identity

    def groups(self, latent: int, config: ContextConfig) -> tuple[ContextGroup, ...]:
        """The top group and the interval groups of one latent; none that would be empty."""
        random = np.random.default_rng([self._identity, latent, config.seed])
        hits = self._latents.hits(latent, _HITS_AT_ONCE)
        peaks = self._peaks(hits, config.window)
        shown: set[tuple[int, ...]] = set()
        top = self._choose(latent, peaks, config.top, config.window, shown)
        groups = []
        if top:
            shown_top = self._shown(latent, top, config)
            groups.append(ContextGroup("top", top[-1].value, top[0].value, len(peaks.positions), shown_top))

        if self._latents.count(latent) > _HITS_AT_ONCE:
            peaks = self._peaks(self._sample(latent, random), config.window)
        peaks = peaks.take(~np.isin(peaks.positions, [c.position + c.peak for c in top]))
        if len(top) == config.top > 0:  # a full one: what is stronger and not in it has a better one of its text there
            peaks = peaks.take(peaks.values <= np.float32(top[-1].value))
        for i, part in enumerate(np.array_split(np.arange(len(peaks.positions)), max(1, config.intervals))):
            if not config.intervals or not len(part):
                continue
            drawn = peaks.take(random.permutation(part))
            contexts = self._choose(latent, drawn, config.per_interval, config.window, shown)
            if contexts:
                low, high = float(peaks.values[part[-1]]), float(peaks.values[part[0]])
                name = f"interval {i + 1} of {config.intervals}"
                groups.append(ContextGroup(name, low, high, len(part), self._shown(latent, contexts, config)))
        return tuple(groups)

    def _shown(self, latent: int, contexts: tuple[Context, ...], config: ContextConfig) -> tuple[Context, ...]:
        if not config.whole:
            return contexts
        reach = self._tokens.context_length
        return tuple(self.window(latent, context.position + context.peak, reach) for context in contexts)

    def window(self, latent: int, position: int, reach: int) -> Context:
        """The passage around a token, with what the latent is on each token of it."""
        length = self._tokens.context_length
        row_start = position - position % length
        piece = int(self._documents.pieces(np.array([position]))[0])
        start = max(position - reach, row_start, int(self._documents.starts[piece]))
        end = min(position + reach + 1, row_start + length, int(self._documents.ends[piece]))
        cell = int(self._tokens.cells(np.array([start]))[0])
        ids = self._tokens.ids[cell : cell + end - start].astype(np.int64)
        special = np.flatnonzero(np.isin(ids, self._special_ids))
        before, after = special[special < position - start], special[special > position - start]
        cut_left = int(before[-1]) + 1 if len(before) else 0
        cut_right = int(after[0]) if len(after) else len(ids)
        ids, cell, start = ids[cut_left:cut_right], cell + cut_left, start + cut_left
        return Context(
            document=int(self._documents.docs[piece]),
            document_name=self._documents.table["name"][piece].as_py(),
            position=start,
            token_ids=tuple(ids.tolist()),
            activations=tuple(self._tokens.activations(latent, cell, len(ids)).tolist()),
            encoded=tuple(self._tokens.encoded[cell : cell + len(ids)].tolist()),
            peak=position - start,
        )

    def _sample(self, latent: int, random: np.random.Generator) -> Hits:
        """The activations in a random share of the contexts, so that about as many are left as are looked at."""
        hits = self._latents.hits(latent)
        factor = random.integers(1 << 63, dtype=np.uint64) | np.uint64(1)
        contexts = (hits.positions // self._tokens.context_length).astype(np.uint64)
        chosen = (contexts * factor) >> np.uint64(40) < int(_HITS_AT_ONCE / len(hits.values) * (1 << 24))
        return Hits(hits.positions[chosen], hits.values[chosen])

    def _peaks(self, hits: Hits, reach: int) -> _Peaks:
        """Drop every activation that has a stronger one, or an earlier equal one, near it in the same text."""
        order = np.argsort(hits.positions)
        positions, values = hits.positions[order], hits.values[order]
        pieces = self._documents.pieces(positions)
        rows = positions // self._tokens.context_length
        is_new_text = (pieces[1:] != pieces[:-1]) | (rows[1:] != rows[:-1])
        apart = positions.copy()
        apart[1:] += np.cumsum(is_new_text) * (reach + 1)  # so that tokens of different texts are never near
        loses = np.zeros(len(order), np.bool_)
        for step in range(1, min(reach, len(order) - 1) + 1):
            near = apart[step:] - apart[:-step] <= reach
            if not near.any():
                break
            later_wins = values[step:] > values[:-step]
            loses[:-step] |= near & later_wins
            loses[step:] |= near & ~later_wins
        kept = np.sort(order[~loses])  # back to strongest first
        positions = hits.positions[kept]
        return _Peaks(positions, hits.values[kept], self._documents.docs[self._documents.pieces(positions)])

    def _choose(
        self, latent: int, candidates: _Peaks, number: int, reach: int, shown: set[tuple[int, ...]]
    ) -> tuple[Context, ...]:
        """The first candidates whose documents and tokens are not there yet, strongest first. Adds to `shown`."""
        per_document = ceil(number / max(1, min(number, self._documents.number)))
        candidates = candidates.take(_rank_within(candidates.documents) < per_document + _SPARE)
        taken: dict[int, int] = {}
        contexts: list[Context] = []
        tries = 0
        for position, document in zip(candidates.positions.tolist(), candidates.documents.tolist(), strict=True):
            if len(contexts) == number or tries == _TRIES:
                break
            if taken.get(document, 0) == per_document:
                continue
            tries += 1
            context = self.window(latent, position, reach)
            if context.token_ids in shown:
                continue
            shown.add(context.token_ids)
            taken[document] = taken.get(document, 0) + 1
            contexts.append(context)
        return tuple(sorted(contexts, key=lambda context: -context.value))


def _rank_within(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many earlier entries each entry's group has."""
    order = np.argsort(groups, kind="stable")
    _, begins, counts = np.unique(groups[order], return_index=True, return_counts=True)
    ranks = np.empty(len(groups), np.int64)
    ranks[order] = np.arange(len(groups)) - np.repeat(begins, counts)
    return ranks
