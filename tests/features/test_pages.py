from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import pytest

from mistudio.corpora.tokens import Tokens
from mistudio.errors import ArtifactBroken, FormatUnsupported, NotFound
from mistudio.features.find import find
from mistudio.features.pages import Features
from tests.features.conftest import DEAD, DENSE, make_sae, make_source, make_tokens, open_features


@pytest.mark.parametrize("column", ["latent", "count", "density", "max", "mean", "documents"])
@pytest.mark.parametrize("ascending", [True, False])
def test_the_table_is_sorted_by_any_of_its_numbers(features: Features, column: str, ascending: bool) -> None:
    values = features.table(column, ascending=ascending)[column].to_pylist()  # type: ignore[arg-type]
    assert values == sorted(values, reverse=not ascending)
    assert len(values) == len(features)


def test_the_table_is_as_short_as_asked_and_agrees_with_the_pages(features: Features) -> None:
    table = features.table("max", limit=4)
    assert len(table) == 4
    for row in table.to_pylist():
        page = features.latent(row["latent"])
        assert page.statistics.max == row["max"]
        assert page.statistics.density == row["density"]
        assert page.groups[0].high == pytest.approx(row["max"], rel=1e-3)


def test_interesting_latents_are_alive_of_middling_density_and_drawn_by_seed(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = ["nation", "liberty", "war", "the", "cat", "men", "equal", "🙂", "(a,", "b)", "ago", "new"]
    tokens = make_tokens(tmp_path, [" ".join(random.choice(words, 60)) for _ in range(40)])
    find(make_sae(d_sae=400), make_source(tokens), tokens, None, tmp_path / "f")
    features = open_features(tmp_path / "f")
    numbers = features.statistics
    chosen = features.interesting(6)
    assert len(set(chosen)) == 6
    assert chosen == features.interesting(6)
    assert chosen != features.interesting(6, seed=1)
    for latent in chosen:
        assert 1e-5 <= numbers.density[latent] <= 1e-2
        assert numbers.documents[latent] >= 8
        assert numbers.top_token_shares_FN[latent, 0] <= 0.6


def test_interest_is_points_for_what_holds_and_how_far_top_tokens_stand_out(features: Features) -> None:
    numbers, interest = features.statistics, features.interest
    shares = numbers.top_token_shares_FN
    text = features.tokens.ids.tolist()
    for latent in range(len(features)):
        points = 0
        if 1e-5 <= numbers.density[latent] <= 1e-2 and numbers.count[latent] >= 16:
            points = 1
            if numbers.documents[latent] >= min(8, features.documents.number // 2):
                points = 3 if shares[latent, 0] <= 0.6 else 2
        pairs = zip(numbers.of(latent).top_tokens, shares[latent], strict=False)
        bits = sum(share * math.log2(share / (text.count(token) / len(text))) for token, share in pairs)
        expected = points + max(0.0, bits) / math.log2(len(text)) if numbers.count[latent] else 0.0
        assert interest[latent] == pytest.approx(expected)


def test_where_nothing_is_interesting_the_living_latents_are_offered(features: Features) -> None:
    everything = features.interesting(1000)
    assert sorted(everything) == np.flatnonzero(features.statistics.alive).tolist()
    assert DEAD not in everything


@pytest.mark.parametrize("latent", [-1, 40, 10**9])
def test_a_latent_that_does_not_exist_is_refused_by_number(features: Features, latent: int) -> None:
    with pytest.raises(NotFound, match=str(latent)):
        features.latent(latent)
    with pytest.raises(NotFound, match=str(latent)):
        features.contexts(latent)


def test_a_directory_of_another_kind_is_refused(tokens: Tokens) -> None:
    with pytest.raises(FormatUnsupported, match="features"):
        Features.open(tokens.artifact.path)


def test_a_truncated_index_is_refused_by_name(tmp_path: Path, tokens: Tokens) -> None:
    find(make_sae(), make_source(tokens), tokens, None, tmp_path / "f")
    path = tmp_path / "f" / "index" / "codes.npy"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ArtifactBroken, match=r"codes\.npy"):
        Features.open(tmp_path / "f")


def test_the_directory_is_enough_to_read_the_pages(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    tokens = make_tokens(tmp_path / "there", ["the cat and the cat sat on the mat"] * 20)
    find(make_sae(), make_source(tokens), tokens, None, tmp_path / "f")
    (tmp_path / "there").rename(tmp_path / "gone")
    moved = (tmp_path / "f").rename(tmp_path / "elsewhere")
    assert open_features(moved).latent(DENSE).groups


def test_a_page_comes_in_less_than_50_ms(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = ["nation", "liberty", "war", "the", "cat", "men", "equal", "🙂", "(a,", "b)", "ago", "new"]
    tokens = make_tokens(tmp_path, [" ".join(random.choice(words, 400)) for _ in range(100)], context_length=128)
    find(make_sae(), make_source(tokens), tokens, None, tmp_path / "f")
    features = open_features(tmp_path / "f")
    assert features.statistics.count[DENSE] > 50_000

    def seconds(latent: int) -> float:
        begun = time.perf_counter()
        features.latent(latent)
        return time.perf_counter() - begun

    for latent in (DENSE, 0, 1):
        assert min(seconds(latent) for _ in range(5)) < 0.05  # the best of five: the machine may be busy
