import pytest
import torch
from pydantic import ValidationError

from mistudio.errors import BadInput
from mistudio.steering.config import Edit, SteeringSpec
from mistudio.steering.delta import Delta, activations_of, moved
from tests.steering.conftest import HOOK, UNITS, F


def spec(*edits):
    return SteeringSpec(hook=HOOK, edits=tuple(Edit(latent=i, mode=mode, strength=s) for i, mode, s in edits))


def delta(sae, x_BD, *edits):
    return Delta.of(spec(*edits), sae, UNITS).at(sae.encode_sparse(x_BD))


def test_an_addition_is_strength_times_maximum_activation_times_the_decoder_row(sae, x_BD):
    expected_D = 0.7 * UNITS[5] * sae.W_dec_FD[5]
    torch.testing.assert_close(delta(sae, x_BD, (5, "add", 0.7)), expected_D.expand_as(x_BD))


def test_an_addition_is_linear_in_its_strength(sae, x_BD):
    once, thrice = (delta(sae, x_BD, (5, "add", strength)) for strength in (0.5, 1.5))
    torch.testing.assert_close(3 * once, thrice, rtol=1e-5, atol=1e-5)


def test_a_clamp_equals_decoding_the_code_with_the_latent_set_and_adding_the_error_back(sae, x_BD):
    acts_BF = sae.encode(x_BD)
    active = int((acts_BF > 0).sum(0).argmax())
    silent = int((acts_BF > 0).sum(0).argmin())
    for latent in (active, silent):
        changed_BF = acts_BF.clone()
        changed_BF[:, latent] = 0.8 * UNITS[latent]
        expected_BD = sae.decode(changed_BF) + (x_BD - sae.decode(acts_BF))
        torch.testing.assert_close(x_BD + delta(sae, x_BD, (latent, "clamp", 0.8)), expected_BD, rtol=1e-5, atol=1e-5)


def test_a_clamp_of_several_latents_sets_them_all(sae, x_BD):
    acts_BF = sae.encode(x_BD)
    changed_BF = acts_BF.clone()
    changed_BF[:, 3], changed_BF[:, 40] = 1.1 * UNITS[3], 0.0
    expected_BD = sae.decode(changed_BF) - sae.decode(acts_BF)
    found_BD = delta(sae, x_BD, (3, "clamp", 1.1), (40, "clamp", 0.0))
    torch.testing.assert_close(found_BD, expected_BD, rtol=1e-5, atol=1e-5)


def test_a_latent_that_topk_dropped_counts_as_inactive_however_large_its_preactivation(sae, x_BD):
    pre_BF = torch.relu((x_BD - sae.b_dec_D) @ sae.W_enc_FD.T + sae.b_enc_F)
    dropped = (pre_BF > 0) & (sae.encode(x_BD) == 0)
    token, latent = (int(index) for index in dropped.nonzero()[0])
    found_D = delta(sae, x_BD, (latent, "clamp", 1.0))[token]
    torch.testing.assert_close(found_D, UNITS[latent] * sae.W_dec_FD[latent])


def test_edits_are_evaluated_on_the_original_and_summed_in_any_order(sae, x_BD):
    edits = ((3, "add", 1.0), (9, "clamp", 0.5), (20, "clamp", 2.0))
    together = delta(sae, x_BD, *edits)
    torch.testing.assert_close(together, delta(sae, x_BD, *reversed(edits)))
    torch.testing.assert_close(together, sum(delta(sae, x_BD, edit) for edit in edits))


def test_adding_nothing_changes_no_bit(sae, x_BD):
    x_BD[0, 0] = -0.0
    for x in (x_BD, x_BD.bfloat16()):
        unchanged = moved(x, delta(sae, x_BD, (5, "add", 0.0)))
        assert unchanged.dtype == x.dtype
        assert torch.equal(unchanged.view(torch.uint8), x.view(torch.uint8))


def test_activations_are_read_from_the_code_and_are_zero_elsewhere(sae, x_BD):
    latents_E = torch.tensor([7, 0, 95])
    torch.testing.assert_close(activations_of(sae.encode_sparse(x_BD), latents_E), sae.encode(x_BD)[:, latents_E])


def test_a_strength_without_a_unit_is_refused(sae):
    with pytest.raises(BadInput, match="latent 5 is not known"):
        Delta.of(spec((5, "add", 1.0)), sae, {})
    with pytest.raises(BadInput, match="never active"):
        Delta.of(spec((5, "add", 1.0)), sae, {5: 0.0})


def test_a_latent_that_does_not_exist_is_refused(sae):
    with pytest.raises(BadInput, match=f"no latent {F}"):
        Delta.of(spec((F, "add", 1.0)), sae, {F: 1.0})


def test_a_spec_without_edits_or_with_a_latent_twice_is_refused():
    with pytest.raises(ValidationError, match="edits"):
        SteeringSpec(hook=HOOK, edits=())
    with pytest.raises(ValidationError, match="latent 4 is edited twice"):
        spec((4, "add", 1.0), (4, "clamp", 0.0))
