"""Ragged codes: joined, narrowed and summed like their dense forms."""

from __future__ import annotations

import torch

from mistudio.sae.live_code import LiveCode


def code(*rows: dict[int, float]) -> LiveCode:
    values = [value for row in rows for value in row.values()]
    latents = [latent for row in rows for latent in row]
    lengths = torch.tensor([0, *(len(row) for row in rows)])
    return LiveCode(torch.tensor(values), torch.tensor(latents, dtype=torch.int64), lengths.cumsum(0))


def rows_of(code: LiveCode) -> list[dict[int, float]]:
    rows: list[dict[int, float]] = [{} for _ in range(code.tokens)]
    entries = (code.tokens_N.tolist(), code.latents_N.tolist(), code.values_N.tolist())
    for token, latent, value in zip(*entries, strict=True):
        rows[token][latent] = value
    return rows


def test_tokens_without_latents_keep_their_place() -> None:
    assert rows_of(code({}, {2: 1.0, 5: 3.0}, {}, {0: 2.0}, {})) == [{}, {2: 1.0, 5: 3.0}, {}, {0: 2.0}, {}]


def test_codes_are_joined_token_after_token() -> None:
    first, second = [{1: 1.0}, {}], [{0: 2.0, 3: 4.0}]
    assert rows_of(LiveCode.join([code(*first), code(*second), code({})])) == [*first, *second, {}]


def test_some_entries_are_kept() -> None:
    whole = code({1: 1.0, 2: 5.0}, {0: 2.0}, {3: 9.0, 4: 0.5})
    assert rows_of(whole.where(whole.values_N > 1.5)) == [{2: 5.0}, {0: 2.0}, {3: 9.0}]


def test_numbers_are_summed_latent_by_latent() -> None:
    whole = code({1: 1.0, 2: 5.0}, {2: 2.0})
    assert whole.per_latent(whole.values_N * 10, 4).tolist() == [0.0, 10.0, 70.0, 0.0]
    assert rows_of(whole.with_values(torch.zeros(3))) == [{1: 0.0, 2: 0.0}, {2: 0.0}]
