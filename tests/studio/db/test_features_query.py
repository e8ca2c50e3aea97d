"""Every answer is compared with what the rows themselves say."""

from collections import Counter
from contextlib import closing
from itertools import product

import numpy as np
import pytest
from sqlalchemy import select, text, update

from mistudio.studio.db import features_load, features_query
from mistudio.studio.db.artifacts import FeatureSet
from mistudio.studio.db.features import EMBEDDING_DIMENSIONS, SEPARATOR, Feature
from mistudio.studio.db.features_query import Wanted
from mistudio.studio.queue.portal import Portal
from mistudio.studio.settings import Settings
from tests.studio.conftest import a_database
from tests.studio.made_up_features import row_of

LABELS = {
    3: "wars and treaties", 8: "The war of 1812", 11: "warm weather", 20: "über-cats", 21: "3.14 and e-mail",
    40: "a label of liberty", 41: "liberty liberty liberty", 50: "日本語", 51: "don't", 52: "Wars", 53: "100 %",
}  # fmt: skip
NOTES = {60: "see the war", 3: "liberty"}
STARRED = (3, 11, 70, 71, 299)
PORTALS = {}


@pytest.fixture(scope="module")
def settings(postgres_url, tmp_path_factory):
    """A database for all tests here: they only ask."""
    with a_database(postgres_url) as url, closing(Portal(url)) as portal:
        made = Settings(home=tmp_path_factory.mktemp("home"), DATABASE_URL=url)
        PORTALS[made] = portal
        yield made


def in_session(settings, work):
    return PORTALS[settings].run(work)


@pytest.fixture(scope="module")
def said(settings, features_path):
    """A set with labels, notes, stars and scores."""
    row = row_of(features_path)
    feature_set_id = row.id

    async def write(session):
        session.add(row)
        await session.flush()
        assert await features_load.load(session, feature_set_id, settings.annotations_dir)
        for name, values in (("label", LABELS), ("notes", NOTES), ("starred", dict.fromkeys(STARRED, True))):
            for latent, value in values.items():
                await session.execute(update(Feature).where(Feature.latent == latent).values({name: value}))
        for latent in LABELS:
            await session.execute(update(Feature).where(Feature.latent == latent).values(score=latent % 7 / 8))

    in_session(settings, write)
    return feature_set_id


@pytest.fixture(scope="module")
def frequent(settings, said):
    """A word that is among the top tokens of many latents."""
    texts = [text for row in all_rows(settings, said) for text in row.top_tokens.split(SEPARATOR)]
    words = Counter(text.strip() for text in texts if text.strip().isalpha())
    return words.most_common(1)[0][0]


def ask(settings, feature_set, wanted, **where):
    async def work(session):
        of = await session.get(FeatureSet, feature_set)
        return await features_query.page(session, of, wanted, **({"offset": 0, "limit": 1000} | where))

    return in_session(settings, work)


def latents(page):
    return [row.latent for row in page.rows]


def all_rows(settings, feature_set):
    async def work(session):
        return list(await session.scalars(select(Feature).where(Feature.feature_set_id == feature_set)))

    return in_session(settings, work)


def key_of(sort, down):
    def value(row):
        return {"density": row.count}.get(sort) if sort == "density" else getattr(row, sort)

    def key(row):
        if sort == "starred":
            return (row.starred, row.latent)
        # Those that have no value come last in both directions.
        there = value(row) is not None
        return (there == down, value(row) if there else 0, row.latent)

    return key


SORTS = ["latent", "density", "count", "max", "mean", "documents", "interest", "label", "score", "starred"]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("down", [True, False])
def test_the_table_is_sorted_by_every_column_and_pages_put_together_are_the_table(settings, said, sort, down):
    rows = all_rows(settings, said)
    expected = [row.latent for row in sorted(rows, key=key_of(sort, down), reverse=down)]
    wanted = Wanted(sort=sort, descending=down)
    found = []
    for offset in range(0, len(rows), 70):
        page = ask(settings, said, wanted, offset=offset, limit=70)
        assert (page.total, page.estimated) == (len(rows), False)
        assert page.has_next == (offset + 70 < len(rows))
        found += latents(page)
    assert found == expected


FILTERS = [
    ({"min_density": 0.02}, lambda row, n: row.count / n >= 0.02),
    ({"max_density": 0.1}, lambda row, n: row.count / n <= 0.1),
    ({"min_max": 12.0}, lambda row, n: row.max >= 12.0),
    ({"alive": True}, lambda row, n: row.count > 0),
    ({"alive": False}, lambda row, n: row.count == 0),
    ({"starred": True}, lambda row, n: row.starred),
    ({"starred": False}, lambda row, n: not row.starred),
    ({"labelled": True}, lambda row, n: row.label is not None),
    ({"labelled": False}, lambda row, n: row.label is None),
    ({"search": "war"}, lambda row, n: row.latent in {3, 8, 11, 52, 60}),
]


@pytest.mark.parametrize("sort", ["max", "label", "starred"])
def test_filters_hold_alone_and_together(settings, said, sort):
    rows = all_rows(settings, said)

    async def tokens_of(session):
        return (await session.get(FeatureSet, said)).tokens

    tokens = in_session(settings, tokens_of)
    some = 0
    for one, other in product(FILTERS, FILTERS):
        given, holds = one[0] | other[0], (one[1], other[1])
        if one[0].keys() == other[0].keys() and one[0] != other[0]:
            continue
        expected = {row.latent for row in rows if all(each(row, tokens) for each in holds)}
        page = ask(settings, said, Wanted(sort=sort, **given))
        assert set(latents(page)) == expected, given
        assert (page.total, page.estimated) == (len(expected), False), given
        some += bool(expected)
    assert some > 30


def test_a_density_that_is_shown_is_a_limit_that_includes_it(settings, said):
    async def tokens_of(session):
        return (await session.get(FeatureSet, said)).tokens

    tokens = in_session(settings, tokens_of)
    for row in all_rows(settings, said)[:60]:
        density = row.count / tokens
        page = ask(settings, said, Wanted(min_density=density, max_density=density))
        assert row.latent in latents(page)
        assert {each.count for each in page.rows} == {row.count}


@pytest.mark.parametrize("sort", [*SORTS, "relevance"])
@pytest.mark.parametrize("given", [{}, {"alive": True, "min_max": 5.0}, {"labelled": True}, {"search": "?"}])
def test_neighbours_are_those_of_the_table(settings, said, frequent, sort, given):
    given = given | ({"search": frequent} if "search" in given else {})
    wanted = Wanted(sort=sort, descending=sort != "latent", **given)
    order = latents(ask(settings, said, wanted))

    async def walk(session):
        of = await session.get(FeatureSet, said)
        return [await features_query.neighbours(session, of, wanted, latent) for latent in order]

    assert len(order) > 5
    for i, found in enumerate(in_session(settings, walk)):
        assert found.previous == (order[i - 1] if i else None)
        assert found.next == (order[i + 1] if i + 1 < len(order) else None)


def test_a_latent_that_the_filter_leaves_out_still_has_neighbours(settings, said):
    order = latents(ask(settings, said, Wanted(sort="latent", descending=False, labelled=True)))

    async def around(session):
        of = await session.get(FeatureSet, said)
        wanted = Wanted(sort="latent", descending=False, labelled=True)
        return await features_query.neighbours(session, of, wanted, 10)

    assert 10 not in order
    assert tuple(in_session(settings, around)) == (8, 11)


def search(settings, feature_set, searched, **given):
    return latents(ask(settings, feature_set, Wanted(search=searched, sort="relevance", **given)))


def test_a_search_finds_words_and_beginnings_in_labels_notes_and_tokens(settings, said):
    assert set(search(settings, said, "lib")) >= {3, 40, 41}
    assert 3 in search(settings, said, "TREATIES")
    assert 60 in search(settings, said, "see")


def test_a_search_finds_top_tokens(settings, said, frequent):
    having = [row.latent for row in all_rows(settings, said) if frequent in words_of(row)]
    assert len(having) > 5
    assert set(having) <= set(search(settings, said, frequent))


def words_of(row):
    return [text.strip() for text in row.top_tokens.split(SEPARATOR)]


def test_all_words_of_a_search_must_be_there(settings, said):
    assert search(settings, said, "treat wars") == [3]
    assert search(settings, said, "treat nowhere") == []


def test_whole_words_in_labels_come_first(settings, said):
    found = search(settings, said, "war")
    assert found[0] == 8
    assert set(found[:4]) == {8, 3, 11, 52}
    assert found.index(60) > 3


@pytest.mark.parametrize(
    ("searched", "latent"),
    [("über", 20), ("ÜBER", 20), ("日本語", 50), ("3.14", 21), ("e-mail", 21), ("don't", 51), ("1812", 8), ("%", 53)],
)
def test_signs_and_scripts_are_searched_for_too(settings, said, searched, latent):
    assert latent in search(settings, said, searched)


@pytest.mark.parametrize("searched", ["'", "\\", "a' | b", ":*", "&", "!!", "()", '"x', "%_", "\x00war", "  ", "<->"])
def test_no_search_breaks_the_query(settings, said, searched):
    page = ask(settings, said, Wanted(search=searched, sort="relevance"))
    assert page.total >= len(page.rows)


def test_a_search_for_what_is_everywhere_says_that_there_is_more(settings, said, frequent, monkeypatch):
    everything = search(settings, said, frequent)
    monkeypatch.setattr(features_query, "RANKED", 10)
    page = ask(settings, said, Wanted(search=frequent, sort="relevance"), limit=5)
    assert len(everything) > 20
    assert (page.estimated, page.has_next) == (True, True)
    assert page.total >= 10
    page = ask(settings, said, Wanted(search=frequent, sort="max"), offset=10, limit=5)
    assert (page.estimated, page.has_next) == (True, True)
    assert page.total >= 16
    assert ask(settings, said, Wanted(search=frequent, sort="max"), offset=len(everything), limit=5).has_next is False


def test_the_nearest_labels_are_those_of_the_largest_cosine(settings, said):
    random = np.random.default_rng(0)
    vectors = random.normal(size=(300, EMBEDDING_DIMENSIONS)).astype(np.float32)

    async def write(session):
        for latent in range(0, 300, 2):
            await session.execute(
                update(Feature).where(Feature.latent == latent).values(embedding=vectors[latent].tolist())
            )

    in_session(settings, write)
    asked = random.normal(size=EMBEDDING_DIMENSIONS)
    found = in_session(settings, lambda session: features_query.nearest(session, said, asked.tolist(), 10))
    cosine = vectors @ asked / np.linalg.norm(vectors, axis=1) / np.linalg.norm(asked)
    cosine[1::2] = -2.0
    expected = np.argsort(-cosine)[:10].tolist()
    assert len({row.latent for row, _ in found} & set(expected)) >= 9
    for row, similarity in found:
        assert similarity == pytest.approx(cosine[row.latent], abs=2e-3)


def test_vectors_of_another_set_are_not_among_the_nearest(settings, said):
    async def ask_for(session):
        await session.execute(update(Feature).where(Feature.latent < 5).values(embedding=[1.0] * EMBEDDING_DIMENSIONS))
        return await features_query.nearest(session, "features-another", [1.0] * EMBEDDING_DIMENSIONS, 10)

    assert in_session(settings, ask_for) == []


def test_a_filtered_and_sorted_page_is_read_from_an_index_in_its_order(settings, said):
    async def plan(session):
        of = await session.get(FeatureSet, said)
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        wanted = Wanted(sort="mean", min_density=0.01, min_max=3.0, alive=True, starred=False, labelled=False)
        conditions = features_query._conditions(of, wanted, None)
        [part] = features_query._parts(wanted)
        chosen = features_query._sorted(features_query._select(part, conditions), part).offset(20).limit(10)
        shown = chosen.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        return "\n".join(line for (line,) in await session.execute(text(f"EXPLAIN (ANALYZE) {shown}")))

    shown = in_session(settings, plan)
    assert "Index Only Scan Backward" in shown
    assert "Sort" not in shown
