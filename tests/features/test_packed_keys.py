from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mistudio.features.index import merged
from mistudio.features.packed_keys import KeyLayout, code_of, value_of

NARROW = KeyLayout.of(4608, 1_000_000)
WIDE = KeyLayout.of(1 << 21, 1 << 29)

positive = st.floats(min_value=2.0**-30, max_value=2.0**32, width=32)


def activations(n: int, layout: KeyLayout, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    latents = random.integers(0, 1 << layout.latent_bits, n) if seed % 2 else random.integers(0, 5, n)
    codes = random.integers(1, 9, n).astype(np.uint16)
    positions = random.choice(min(1 << layout.position_bits, 50 * n), n, replace=False)
    return latents, codes, positions


@given(st.lists(positive, min_size=2))
def test_value_codes_keep_the_order_of_values(values: list[float]) -> None:
    exact = np.sort(np.array(values, np.float32))
    codes = code_of(exact).astype(int)
    assert (np.diff(codes) >= 0).all()


@given(positive)
def test_a_value_code_is_as_precise_as_float16(value: float) -> None:
    exact = np.array([value], np.float32)
    assert value_of(code_of(exact))[0] == pytest.approx(value, rel=2**-11)


def test_no_positive_value_vanishes_or_overflows() -> None:
    extremes = np.array([1e-38, 1e-12, 70_000.0, 1e9, 3e38], np.float32)
    values = value_of(code_of(extremes))
    assert (values > 0).all()
    assert np.isfinite(values).all()
    assert values[2] == pytest.approx(70_000, rel=1e-3)


def test_keys_take_64_bits_where_they_fit_and_records_where_they_do_not() -> None:
    assert KeyLayout.of(1 << 20, 1 << 28).is_narrow
    assert not KeyLayout.of((1 << 20) + 1, 1 << 28).is_narrow
    assert not KeyLayout.of(1 << 20, (1 << 28) + 1).is_narrow


@pytest.mark.parametrize("layout", [NARROW, WIDE, KeyLayout.of(1, 1), KeyLayout.of(1 << 31, 1 << 40)])
@pytest.mark.parametrize("seed", [0, 1])
def test_sorted_keys_are_latent_major_then_strongest_first_then_by_position(layout: KeyLayout, seed: int) -> None:
    n = 1 if layout.position_bits == 1 else 5000
    latents, codes, positions = activations(n, layout, seed)
    latents %= 1 << layout.latent_bits
    found = layout.unpack(layout.sort(layout.pack(latents, codes, positions)))
    expected = np.lexsort((positions, -codes.astype(int), latents))
    assert np.array_equal(found.latents, latents[expected])
    assert np.array_equal(found.codes, codes[expected])
    assert np.array_equal(found.positions, positions[expected])


@pytest.mark.parametrize("layout", [NARROW, WIDE])
@pytest.mark.parametrize("n_runs", [1, 2, 7])
@pytest.mark.parametrize("range_size", [1, 100, 3000, 10**6])
def test_merged_runs_equal_one_sort(layout: KeyLayout, n_runs: int, range_size: int) -> None:
    n = 300 if range_size == 1 else 6000
    keys = layout.pack(*activations(n, layout))
    runs = [layout.sort(part.copy()) for part in np.array_split(keys, n_runs)]
    pieces = list(merged(runs, layout, range_size))
    assert np.array_equal(np.concatenate(pieces), layout.sort(keys.copy()))
    assert max(len(piece) for piece in pieces) <= 2 * range_size + n_runs
