import math

import pytest
import torch

from mistudio.errors import ShapeError
from mistudio.evaluation import decoder
from mistudio.evaluation.decoder import decoder_cosines, stability
from mistudio.evaluation.evaluate import evaluate
from tests.evaluation.conftest import random_sae, sae_of


def test_orthogonal_latents_have_no_neighbours_and_a_twin_shows_in_the_quantiles():
    found = decoder_cosines(torch.eye(8))
    assert found.values == (0.0,) * 7
    twins = torch.eye(8)
    twins[3] = 5 * twins[2]
    found = decoder_cosines(twins)
    # Two of eight latents have cosine 1 to each other, six have 0: the upper quarter begins between the two.
    assert dict(zip(found.levels, found.values, strict=True)) == pytest.approx(
        {0.0: 0, 0.05: 0, 0.25: 0, 0.5: 0, 0.75: 0.25, 0.95: 1, 1.0: 1}
    )
    assert found.median == 0
    assert found.latents == 8


def test_opposite_latents_are_no_twins():
    both = torch.cat([torch.eye(4), -torch.eye(4)])
    assert decoder_cosines(both).values[-1] == 0


def test_of_many_latents_some_are_asked_about_each_against_all(monkeypatch):
    rows = torch.randn((50, 6), generator=torch.Generator().manual_seed(0))
    cosines = torch.cosine_similarity(rows[:, None], rows[None], dim=-1).fill_diagonal_(-1).amax(1)
    monkeypatch.setattr(decoder, "DECODER_LATENTS", 10)
    found = decoder_cosines(rows)
    assert found.latents == 10
    assert found.values[-1] == pytest.approx(float(cosines[::5].max()))


def test_an_sae_is_as_stable_as_can_be_against_itself_in_another_order():
    rows = torch.randn((40, 16), generator=torch.Generator().manual_seed(0))
    found = stability(rows, 3 * rows.flip(0))
    assert found.cosine == pytest.approx(1.0, abs=1e-6)
    assert found.mcc == pytest.approx(1.0, abs=1e-6)


def test_half_the_latents_found_again_make_one_half():
    axes = torch.eye(8)
    found = stability(axes[:4], axes[[0, 1, 6, 7]])
    assert found.cosine == 0.5
    assert found.mcc == 0.5


def test_two_latents_may_be_near_to_one_but_are_matched_to_two():
    found = stability(torch.tensor([[1.0, 0, 0], [1.0, 0, 0]]), torch.tensor([[1.0, 0, 0], [0, 1.0, 0]]))
    assert found.cosine == 1.0
    assert found.mcc == 0.5


def test_where_there_are_too_many_pairs_no_matching_is_sought(monkeypatch):
    monkeypatch.setattr(decoder, "MATCHED_ELEMENTS", 15)
    found = stability(torch.eye(4), torch.eye(4))
    assert found.mcc is None
    assert found.cosine == 1.0


def test_saes_of_other_widths_are_not_compared():
    with pytest.raises(ShapeError, match="4 and 5 dimensions"):
        stability(torch.eye(4), torch.eye(5))


def test_an_evaluation_tells_the_structure_of_the_decoder_and_what_another_sae_finds_again(lm, tokens):
    sae = random_sae()
    alone = evaluate(sae, lm, tokens)
    assert alone.decoder_cosine == alone.decoder_cosine_quantiles.median
    assert 0 < alone.decoder_cosine < 1
    assert alone.against is None
    assert "stability_mcc" not in alone.numbers()
    turned = sae_of(sae.W_enc_FD, math.cos(1.0) * sae.W_dec_FD.flip(0), 8)
    compared = evaluate(sae, lm, tokens, against=turned)
    assert compared.stability_cosine == pytest.approx(1.0, abs=1e-6)
    assert compared.stability_mcc == pytest.approx(1.0, abs=1e-6)
    assert compared.against["hook"] == turned.hook
    assert compared.against["decoder_sha256"] != evaluate(sae, lm, tokens, against=sae).against["decoder_sha256"]
