import math

import pytest
import torch

from mistudio.errors import BadInput, Interrupted, ShapeError
from mistudio.evaluation.synthetic.recovery import FiringCounts, Recovery, RecoveryMeter, recovery
from mistudio.progress import StopSwitch
from mistudio.sae.weights import SparseCode
from tests.evaluation.synthetic.conftest import dense, knowing_sae, truth_of

TOKENS = 4000
"""Two batches."""


@pytest.fixture(scope="module")
def truth():
    return truth_of(p_max=0.5, p_min=0.1)


@pytest.fixture(scope="module")
def orthogonal():
    """The same with features at right angles, so that angles can be computed by hand."""
    truth = truth_of(p_max=0.5, p_min=0.1)
    truth.directions_GD = torch.eye(24)[:12]
    return truth


def reordered(sae, order):
    """The same SAE with its latents in another order, or only some of them."""
    weights = sae.weights.map(lambda tensor: tensor[order] if len(tensor) == sae.d_sae else tensor)
    return type(sae)(sae.config, weights, hook=sae.hook, model_name=sae.model_name)


def test_the_true_dictionary_is_recovered_in_full(truth):
    found = recovery(knowing_sae(truth), truth, tokens=TOKENS)
    for name in ("mcc", "mcc_signed", "precision", "recall", "f1", "uniqueness", "shrinkage", "norm_ratio"):
        assert getattr(found, name) == pytest.approx(1.0, abs=1e-5), name
    for name in ("nearest_precision", "nearest_recall", "nearest_f1"):
        assert getattr(found, name) == 1.0
    assert found.fvu == pytest.approx(0.0, abs=1e-9)
    assert found.dead_share == 0
    assert found.l0 == found.true_l0 == int((dense(truth, 2, "held_out") > 0).sum()) / TOKENS
    assert (found.tokens, found.features, found.latents) == (TOKENS, 12, 12)


def test_the_order_of_latents_changes_nothing(truth):
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    sae = knowing_sae(truth)
    assert recovery(reordered(sae, order), truth, tokens=TOKENS).model_dump() == pytest.approx(
        recovery(sae, truth, tokens=TOKENS).model_dump()
    )


def test_a_flipped_dictionary_has_the_mcc_of_the_true_one_but_not_the_signed_one(orthogonal):
    sae = knowing_sae(orthogonal, W_dec_FD=-orthogonal.directions_GD)
    found = recovery(sae, orthogonal, tokens=TOKENS)
    assert found.mcc == 1.0
    assert found.mcc_signed == 0.0
    assert found.fvu > 1
    # x̂ is what the features add, taken away: it has the length of x, up to the bias that both have.
    assert found.norm_ratio == pytest.approx(1.0, abs=0.1)


def test_a_decoder_turned_by_a_known_angle_has_its_cosine_as_mcc(orthogonal):
    turned = math.cos(0.4) * torch.eye(24)[:12] + math.sin(0.4) * torch.eye(24)[12:]
    found = recovery(knowing_sae(orthogonal, W_dec_FD=turned), orthogonal, tokens=TOKENS)
    assert found.mcc == pytest.approx(math.cos(0.4))
    assert found.precision == found.recall == 1.0
    assert found.shrinkage == pytest.approx(1.0, abs=1e-6)


def test_half_the_latents_find_half_the_features_and_are_asked_about_those_only(truth):
    found = recovery(reordered(knowing_sae(truth), torch.arange(6)), truth, tokens=TOKENS)
    assert (found.features, found.latents) == (12, 6)
    assert found.mcc == pytest.approx(1.0, abs=1e-6)
    assert found.precision == found.recall == found.uniqueness == 1.0
    assert found.l0 < found.true_l0


def test_a_latent_that_is_there_twice_costs_uniqueness_and_its_twin_is_matched_to_nothing_like_it(orthogonal):
    sae = reordered(knowing_sae(orthogonal), torch.tensor([*range(11), 0]))
    found = recovery(sae, orthogonal, tokens=TOKENS)
    assert found.uniqueness == 11 / 12
    assert found.mcc == pytest.approx(11 / 12)
    assert found.nearest_f1 == 1.0
    # The twin is matched to feature 11, and is active where feature 0 fires: by chance where feature 11 does.
    fires = dense(orthogonal, 2, "held_out") > 0
    both = int((fires[:, 0] & fires[:, 11]).sum())
    first, last = int(fires[:, 0].sum()), int(fires[:, 11].sum())
    assert found.precision == pytest.approx((11 + both / first) / 12)
    assert found.recall == pytest.approx((11 + both / last) / 12)
    assert found.f1 == pytest.approx((11 + 2 * both / (first + last)) / 12)


def test_a_latent_that_stays_silent_on_weak_activations_loses_recall_and_no_precision(truth):
    found = recovery(knowing_sae(truth, threshold=4.5), truth, tokens=TOKENS)
    values = dense(truth, 2, "held_out")
    recall = ((values > 4.5).sum(0) / (values > 0).sum(0)).mean()
    assert found.precision == 1.0
    assert found.recall == pytest.approx(float(recall), abs=1e-3)


def test_shrinkage_is_what_is_missing_of_the_activation_however_decoder_rows_are_scaled(truth):
    shrunk = knowing_sae(truth, W_dec_FD=0.7 * truth.directions_GD)
    assert recovery(shrunk, truth, tokens=TOKENS).shrinkage == pytest.approx(0.7, abs=1e-5)
    weights = shrunk.weights
    scaled = type(shrunk)(
        shrunk.config,
        type(weights)(
            2 * weights.W_enc_FD,
            2 * weights.b_enc_F,
            weights.W_dec_FD / 2,
            weights.b_dec_D,
            {"threshold_F": 2 * shrunk.threshold_F},
        ),
        hook=shrunk.hook,
        model_name=shrunk.model_name,
    )
    assert recovery(scaled, truth, tokens=TOKENS).shrinkage == pytest.approx(0.7, abs=1e-5)


def test_dead_latents_count_as_dead_and_as_found_nothing(truth):
    sae = knowing_sae(truth)
    sae.threshold_F[:3] = 1e9
    found = recovery(sae, truth, tokens=TOKENS)
    assert found.dead_share == 0.25
    assert found.precision == found.recall == found.f1 == pytest.approx(0.75)
    assert found.mcc == pytest.approx(1.0, abs=1e-6)
    sae.threshold_F[:] = 1e9
    assert recovery(sae, truth, tokens=TOKENS).shrinkage is None


def test_the_counts_are_those_of_a_case_counted_by_hand():
    # Latents 0, 1, 2 stand for features 1, none, 0. Three tokens.
    counts = FiringCounts(torch.tensor([1, -1, 0]), 3)
    true = torch.tensor([[0.0, 2.0, 1.0], [4.0, 0.0, 0.0], [0.0, 5.0, 0.0]])
    values = torch.tensor([[1.0, 3.0], [2.0, 0.0], [0.5, 0.0]])
    latents = torch.tensor([[0, 1], [2, 0], [2, 0]])
    counts.update(true, SparseCode(values, latents))
    assert counts.active_F.tolist() == [1, 1, 2]
    assert counts.both_F.tolist() == [1, 0, 1]
    assert counts.fires_F.tolist() == [2, 0, 1]
    assert counts.precision_F.tolist() == [1.0, 0.0, 0.5]
    assert counts.recall_F.tolist() == [0.5, 0.0, 1.0]
    assert counts.f1_F.tolist() == pytest.approx([2 / 3, 0.0, 2 / 3])
    assert counts.shrinkage_F[[0, 2]].tolist() == [0.5, 0.5]
    assert counts.shrinkage_F[1].isnan()


def test_batches_add_up(truth):
    sae = knowing_sae(truth, threshold=4.5)
    whole, parts = RecoveryMeter(truth, sae.W_dec_FD), RecoveryMeter(truth, sae.W_dec_FD)
    for number in range(2):
        batch = truth.batch(number)
        code = sae.encode_sparse(batch.acts_BD)
        whole.update(batch, code, sae.decode_sparse(code))
        for rows in (slice(0, 700), slice(700, None)):
            part = batch._replace(
                acts_BD=batch.acts_BD[rows], code=SparseCode(*(tensor[rows] for tensor in batch.code))
            )
            of_part = SparseCode(*(tensor[rows] for tensor in code))
            parts.update(part, of_part, sae.decode_sparse(of_part))
    assert parts.result().model_dump() == pytest.approx(whole.result().model_dump(), rel=1e-6)


def test_every_number_says_what_it_is():
    for name, field in Recovery.model_fields.items():
        assert len((field.description or "").split()) >= 2, name


def test_an_sae_of_another_width_is_refused_and_a_measurement_can_be_stopped(truth):
    with pytest.raises(ShapeError, match="24"):
        recovery(knowing_sae(truth_of(d_in=32)), truth)
    with pytest.raises(BadInput, match="too many to be matched"):
        RecoveryMeter(truth, torch.zeros(1, truth.config.d_in).expand(1 << 28, -1))
    switch = StopSwitch()
    switch.cancel()
    with pytest.raises(Interrupted):
        recovery(knowing_sae(truth), truth, progress=switch)
