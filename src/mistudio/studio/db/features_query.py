"""Ask for features: filtered, searched, sorted, a page at a time; and what lies next to one.

1. An order is one or two parts, each read from an index in either direction: where few rows have a value, such as a
   label, those that have one come first.
2. Filters are answered from the same index without reading rows; the rows of a page are fetched last.
3. A search ranks matches in labels, then those in notes and top tokens: the first `RANKED` of the table, so that
   a word that is everywhere costs no more than others. Words match from their beginning; whole words rank higher.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Double,
    Select,
    and_,
    cast,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from mistudio.studio.db.artifacts import FeatureSet
from mistudio.studio.db.features import Feature
from mistudio.studio.db.session import Session

Sort = Literal[
    "latent", "density", "count", "max", "mean", "documents", "interest", "label", "score", "starred", "relevance"
]
RANKED = 5000
"""Matches of a search that are counted and ranked."""
_COLUMNS: dict[str, Any] = {
    "latent": Feature.latent,
    "density": Feature.count,
    "count": Feature.count,
    "max": Feature.max,
    "mean": Feature.mean,
    "documents": Feature.documents,
    "interest": Feature.interest,
}
_WEIGHTS = "'{0.1, 0.2, 0.4, 1.0}'"
"""Of top tokens (C), notes (B) and labels (A), in PostgreSQL's order D, C, B, A."""


_MOST_TOTALS = 1000


@dataclass(frozen=True)
class Wanted:
    """Which features, and in what order."""

    search: str | None = None
    min_density: float | None = None
    max_density: float | None = None
    min_max: float | None = None
    alive: bool | None = None
    starred: bool | None = None
    labelled: bool | None = None
    sort: Sort = "interest"
    """Relevance without a search is as `interest`."""
    descending: bool = True


_totals: OrderedDict[tuple[str, Wanted], int] = OrderedDict()
"""How many features fulfil filters of numbers alone, the latest asked for last."""


class FeaturePage(NamedTuple):
    """Some features, and how many there are."""

    rows: list[Feature]
    total: int
    estimated: bool
    """Whether `total` is a lower bound."""
    has_next: bool


class Neighbours(NamedTuple):
    """The latents before and after one."""

    previous: int | None
    next: int | None


class _Query(NamedTuple):
    """What a search means to PostgreSQL."""

    matches: Any
    """All words, or others that begin with them."""
    exact: Any
    """Any of the words themselves: what has them ranks higher."""


class _Part(NamedTuple):
    """A stretch of an order: the rows that fulfil `where`, by `column` and then by latent."""

    where: ColumnElement[bool] | None
    column: Any
    descending: bool


async def page(session: Session, of: FeatureSet, wanted: Wanted, *, offset: int, limit: int) -> FeaturePage:
    """A page of the table."""
    await _plan_for_values(session)
    query = await _search_query(session, wanted.search)
    conditions = _conditions(of, wanted, query)
    if wanted.sort == "relevance" and query is not None:
        latents, total, capped = await _ranked(session, _filters(of, wanted), query, offset, limit)
        has_next = offset + limit < total
        return FeaturePage(await rows_of(session, of.id, latents), total, capped, has_next)
    total, capped = await _total(session, of, wanted, conditions)
    if capped:
        latents = await _ordered(session, _parts(wanted), conditions, offset, limit + 1)
        has_next, latents = len(latents) > limit, latents[:limit]
        total = max(total, offset + len(latents) + has_next)
    else:
        latents = await _slice(session, _parts(wanted), conditions, offset, limit, total)
        has_next = offset + limit < total
    return FeaturePage(await rows_of(session, of.id, latents), total, capped, has_next)


async def neighbours(session: Session, of: FeatureSet, wanted: Wanted, latent: int) -> Neighbours:
    """What lies before and after a latent in the table; the latent itself need not be in it."""
    await _plan_for_values(session)
    query = await _search_query(session, wanted.search)
    conditions = _conditions(of, wanted, query)
    if wanted.sort == "relevance" and query is not None:
        latents, _, _ = await _ranked(session, _filters(of, wanted), query, 0, RANKED)
        place = latents.index(latent) if latent in latents else -1
        before = latents[place - 1] if place > 0 else None
        return Neighbours(before, latents[place + 1] if 0 <= place < len(latents) - 1 else None)
    parts = _parts(wanted)
    return Neighbours(
        await _after(session, _backwards(parts), conditions, of.id, latent),
        await _after(session, parts, conditions, of.id, latent),
    )


async def rows_of(session: Session, feature_set_id: str, latents: Sequence[int]) -> list[Feature]:
    """The rows of some latents, in their order."""
    found = await session.scalars(
        select(Feature).where(Feature.feature_set_id == feature_set_id, Feature.latent.in_(latents))
    )
    rows = {row.latent: row for row in found}
    return [rows[latent] for latent in latents if latent in rows]


async def nearest(
    session: Session, feature_set_id: str, vector: Sequence[float], limit: int
) -> list[tuple[Feature, float]]:
    """The features whose labels' embeddings are most like a vector, with their cosine similarity, best first."""
    # As many candidates as are wanted must be kept during the walk through the graph.
    await session.execute(text(f"SET LOCAL hnsw.ef_search = {min(1000, max(100, limit))}"))
    distance = Feature.embedding.cosine_distance(list(vector))
    found = await session.execute(
        select(Feature, distance)
        .where(Feature.feature_set_id == feature_set_id, Feature.embedding.is_not(None))
        .order_by(distance)
        .limit(limit)
    )
    return [(row, 1.0 - float(far)) for row, far in found]


async def _plan_for_values(session: Session) -> None:
    # A plan for any values at all would be used again from the sixth time on: it cannot know which filter is narrow.
    await session.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    # The indexes are read in order and lie in memory.
    await session.execute(text("SET LOCAL random_page_cost = 1.1"))


# ── filters ──────────────────────────────────────────────────────────────────────────────────────


def _conditions(of: FeatureSet, wanted: Wanted, query: _Query | None) -> list[ColumnElement[bool]]:
    found = _filters(of, wanted)
    if wanted.search:
        found.append(Feature.words.op("@@")(query.matches) if query is not None else _contains(wanted.search))
    return found


def _filters(of: FeatureSet, wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [Feature.feature_set_id == of.id]
    if wanted.min_density is not None:
        found.append(Feature.count >= _least_count(wanted.min_density, of.tokens))
    if wanted.max_density is not None:
        found.append(Feature.count <= _largest_count(wanted.max_density, of.tokens))
    if wanted.min_max is not None:
        found.append(Feature.max >= cast(wanted.min_max, Double))
    if wanted.alive is not None:
        found.append(Feature.count > 0 if wanted.alive else Feature.count == 0)
    if wanted.starred is not None:
        found.append(Feature.starred == true() if wanted.starred else ~Feature.starred)
    if wanted.labelled is not None:
        found.append(Feature.labelled == true() if wanted.labelled else ~Feature.labelled)
    return found


def _least_count(density: float, tokens: int) -> int:
    """The smallest count whose share of the tokens is not below `density`, as floating point has it."""
    count = ceil(density * tokens)
    if count and (count - 1) / max(1, tokens) >= density:
        count -= 1
    return count if count / max(1, tokens) >= density else count + 1


def _largest_count(density: float, tokens: int) -> int:
    count = floor(density * tokens)
    return count + 1 if (count + 1) / max(1, tokens) <= density else count


def _contains(searched: str) -> ColumnElement[bool]:
    """For signs that are no words: every row is looked at."""
    columns, signs = (Feature.label, Feature.notes, Feature.top_tokens), searched.replace("\x00", "")
    return or_(*(column.icontains(signs, autoescape=True) for column in columns))


async def _search_query(session: Session, searched: str | None) -> _Query | None:
    """None where there is no word in it."""
    if not searched:
        return None
    searched = searched.replace("\x00", " ")  # The one character that PostgreSQL's text cannot hold.
    # The same parser as for what is searched in.
    words = (await session.execute(select(func.tsvector_to_array(func.to_tsvector("simple", searched))))).scalar_one()
    if not words:
        return None
    quoted = ["'" + word.replace("\\", "\\\\").replace("'", "''") + "'" for word in words]
    return _Query(cast(" & ".join(f"{word}:*" for word in quoted), TSQUERY), cast(" | ".join(quoted), TSQUERY))


# ── orders ───────────────────────────────────────────────────────────────────────────────────────


def _parts(wanted: Wanted) -> list[_Part]:
    down, by_latent = wanted.descending, Feature.latent
    match wanted.sort:
        case "label":
            return [_Part(Feature.label.is_not(None), Feature.label, down), _Part(~Feature.labelled, by_latent, down)]
        case "score":
            return [
                _Part(Feature.score.is_not(None), Feature.score, down),
                _Part(Feature.score.is_(None), by_latent, down),
            ]
        case "starred":
            parts = [_Part(Feature.starred == true(), by_latent, down), _Part(~Feature.starred, by_latent, down)]
            return parts if down else parts[::-1]
        case sort:
            return [_Part(None, _COLUMNS.get(sort, Feature.interest), down)]


def _backwards(parts: Sequence[_Part]) -> list[_Part]:
    return [part._replace(descending=not part.descending) for part in reversed(parts)]


async def _slice(
    session: Session,
    parts: Sequence[_Part],
    conditions: Sequence[ColumnElement[bool]],
    offset: int,
    limit: int,
    total: int,
) -> list[int]:
    """Some of an order of which the length is known: read from whichever end is nearer."""
    limit = max(0, min(limit, total - offset))
    if not limit:
        return []
    if offset <= total // 2:
        return await _ordered(session, parts, conditions, offset, limit)
    return (await _ordered(session, _backwards(parts), conditions, total - offset - limit, limit))[::-1]


async def _ordered(
    session: Session, parts: Sequence[_Part], conditions: Sequence[ColumnElement[bool]], offset: int, limit: int
) -> list[int]:
    latents: list[int] = []
    for part in parts:
        chosen = _select(part, conditions)
        found = list(await session.scalars(_sorted(chosen, part).offset(offset).limit(limit - len(latents))))
        latents += found
        if len(latents) == limit or part is parts[-1]:
            break
        offset = 0 if found else offset - await _count(session, chosen)
    return latents


async def _after(
    session: Session,
    parts: Sequence[_Part],
    conditions: Sequence[ColumnElement[bool]],
    feature_set_id: str,
    latent: int,
) -> int | None:
    """The first latent after one."""
    passed = False
    for part in parts:
        wanted = _sorted(_select(part, conditions), part).limit(1)
        if not passed:
            mine = select(part.column).where(Feature.feature_set_id == feature_set_id, Feature.latent == latent)
            here = (await session.execute(mine if part.where is None else mine.where(part.where))).one_or_none()
            if here is None:
                continue
            passed = True
            wanted = wanted.where(_beyond(part, here[0], latent))
        if (found := await session.scalar(wanted)) is not None:
            return int(found)
    return None


def _select(part: _Part, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    chosen = select(Feature.latent).where(*conditions)
    return chosen if part.where is None else chosen.where(part.where)


def _beyond(part: _Part, value: Any, latent: int) -> ColumnElement[bool]:
    """What comes after the row of `latent`, whose value this is."""
    mine: Any = latent
    place: Any = Feature.latent
    if part.column is not Feature.latent:
        place, mine = tuple_(part.column, place), tuple_(cast(value, part.column.type), latent)
    beyond: ColumnElement[bool] = place < mine if part.descending else place > mine
    return beyond


def _sorted(chosen: Select[Any], part: _Part) -> Select[Any]:
    key = dict.fromkeys((part.column, Feature.latent))
    return chosen.order_by(*(column.desc() if part.descending else column.asc() for column in key))


# ── how many ─────────────────────────────────────────────────────────────────────────────────────


async def _total(
    session: Session, of: FeatureSet, wanted: Wanted, conditions: Sequence[ColumnElement[bool]]
) -> tuple[int, bool]:
    """How many there are, and whether that is a lower bound."""
    chosen = select(Feature.latent).where(*conditions)
    if wanted.search:
        found = await _count(session, chosen.limit(RANKED + 1))
        return min(found, RANKED), found > RANKED
    if len(conditions) == 1:
        return of.latents, False
    if len(conditions) == 2 and wanted.alive is not None:
        return (of.alive if wanted.alive else of.latents - of.alive), False
    if wanted.starred is not None or wanted.labelled is not None:
        return await _count(session, chosen), False
    # Numbers never change: whoever turns pages has them counted once.
    key = replace(wanted, sort="latent", descending=True)
    known = _totals.pop((of.id, key), None)
    _totals[of.id, key] = known if known is not None else await _count(session, chosen)
    if len(_totals) > _MOST_TOTALS:
        _totals.popitem(last=False)
    return _totals[of.id, key], False


async def _count(session: Session, chosen: Select[Any]) -> int:
    return int(await session.scalar(select(func.count()).select_from(chosen.order_by(None).subquery())) or 0)


async def _ranked(
    session: Session, filters: Sequence[ColumnElement[bool]], query: _Query, offset: int, limit: int
) -> tuple[list[int], int, bool]:
    """Latents by relevance, those whose labels match first; how many were ranked, and whether there are more."""
    in_labels = Feature.label_words.op("@@")(query.matches)
    elsewhere = and_(Feature.words.op("@@")(query.matches), in_labels.is_not(True))
    latents: list[int] = []
    total = 0
    for matches in (in_labels, elsewhere):
        some = select(Feature.latent, Feature.words).where(*filters, matches).limit(RANKED - total).cte("some")
        rank = _rank(some.c.words, query.matches) + _rank(some.c.words, query.exact)
        ranked = select(some.c.latent, func.count().over()).order_by(rank.desc(), some.c.latent)
        wanted = ranked.offset(max(0, offset - total)).limit(limit - len(latents))
        rows = (await session.execute(wanted)).all()
        latents += [int(latent) for latent, _ in rows]
        total += int(rows[0][1]) if rows else int(await session.scalar(select(func.count()).select_from(some)) or 0)
        if total >= RANKED:
            break
    return latents, total, total >= RANKED


def _rank(words: Any, query: Any) -> ColumnElement[float]:
    weights: ColumnElement[str] = literal_column(_WEIGHTS)
    return func.ts_rank(weights, words, query)
