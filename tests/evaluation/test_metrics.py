import math

import pytest
import torch

from mistudio.evaluation.definitions import DENSITY_EDGES_LOG10
from mistudio.evaluation.metrics import (
    LatentUse,
    Reconstruction,
    cross_entropy,
    density_counts,
    kl_divergence,
    loss_recovered,
    window_dead_share,
)
from mistudio.sae.weights import SparseCode


@pytest.fixture
def tokens():
    """300 tokens around a mean that is far larger than their spread, and an imperfect reconstruction."""
    generator = torch.Generator().manual_seed(0)
    x_BD = torch.randn((300, 7), generator=generator) + 500.0
    return x_BD, x_BD + 0.3 * torch.randn((300, 7), generator=generator)


def accumulated(x_BD, x_hat_BD, batch=64):
    seen = Reconstruction()
    for start in range(0, len(x_BD), batch):
        seen.update(x_BD[start : start + batch], x_hat_BD[start : start + batch])
    return seen


def test_streamed_numbers_equal_those_of_the_definitions_on_all_tokens_at_once(tokens):
    x_BD, x_hat_BD = (tensor.double() for tensor in tokens)
    seen = accumulated(*tokens)
    assert seen.fvu == pytest.approx(float((x_BD - x_hat_BD).pow(2).sum() / (x_BD - x_BD.mean(0)).pow(2).sum()), 1e-10)
    assert seen.cosine == pytest.approx(float(torch.cosine_similarity(x_BD, x_hat_BD, dim=-1).mean()), 1e-12)
    assert seen.norm_ratio == pytest.approx(float(x_hat_BD.norm(dim=-1).sum() / x_BD.norm(dim=-1).sum()), 1e-12)
    torch.testing.assert_close(seen.mean, x_BD.mean(0), rtol=1e-12, atol=1e-10)


def test_the_numbers_do_not_depend_on_the_batches(tokens):
    assert accumulated(*tokens, batch=1).fvu == pytest.approx(accumulated(*tokens, batch=300).fvu, 1e-10)


def test_always_answering_the_mean_has_an_fvu_of_one(tokens):
    x_BD, _ = tokens
    assert accumulated(x_BD, x_BD.double().mean(0).expand_as(x_BD).float()).fvu == pytest.approx(1.0, abs=1e-4)


def test_a_perfect_reconstruction_has_an_fvu_of_zero(tokens):
    x_BD, _ = tokens
    seen = accumulated(x_BD, x_BD)
    assert seen.fvu == 0.0
    assert seen.cosine == pytest.approx(1.0)
    assert seen.norm_ratio == 1.0


def test_a_zero_reconstruction_has_a_cosine_of_zero(tokens):
    x_BD, _ = tokens
    assert accumulated(x_BD, torch.zeros_like(x_BD)).cosine == 0.0


def test_an_empty_batch_changes_nothing(tokens):
    seen = accumulated(*tokens)
    before = seen.fvu
    seen.update(torch.zeros((0, 7)), torch.zeros((0, 7)))
    assert seen.fvu == before


def test_without_variance_the_fvu_is_not_a_number():
    assert math.isnan(accumulated(torch.ones((5, 3)), torch.zeros((5, 3))).fvu)


def test_zero_values_in_a_sparse_code_are_not_active_latents():
    use = LatentUse(5)
    use.update(SparseCode(torch.tensor([[2.0, 0.0], [1.0, 3.0]]), torch.tensor([[4, 0], [1, 4]])))
    use.update(SparseCode(torch.tensor([[1.0, 0.0]]), torch.tensor([[4, 1]])))
    assert use.active_tokens_F.tolist() == [0, 1, 0, 0, 3]
    assert use.l0 == pytest.approx(4 / 3)
    assert use.dead_share == pytest.approx(3 / 5)
    torch.testing.assert_close(use.density, torch.tensor([0, 1 / 3, 0, 0, 1], dtype=torch.float64))


def test_every_latent_is_in_exactly_one_bin_or_never_active():
    density_F = torch.tensor([0.0, 1.0, 0.1, 0.0999, 1e-9, 1e-8, 0.5], dtype=torch.float64)
    found = density_counts(density_F)
    assert found.never == 1
    assert sum(found.counts) == 6
    assert len(found.counts) == len(DENSITY_EDGES_LOG10) - 1
    assert found.counts[0] == 2
    assert found.counts[-1] == 1
    tenth = DENSITY_EDGES_LOG10.index(-1.0)
    assert found.counts[tenth] == 1
    assert found.counts[tenth - 1] == 1
    assert found.counts[tenth + 2] == 1


def test_latents_silent_for_the_whole_window_are_dead_in_training():
    assert window_dead_share(torch.tensor([0, 99, 100, 500]), window=100) == 0.5


def test_cross_entropy_and_divergence_are_those_of_the_distributions():
    generator = torch.Generator().manual_seed(0)
    p_BV, q_BV = torch.randn((2, 6, 11), generator=generator)
    targets_B = torch.arange(6)
    expected = torch.distributions.Categorical(logits=p_BV)
    torch.testing.assert_close(cross_entropy(p_BV, targets_B), -expected.log_prob(targets_B))
    torch.testing.assert_close(
        kl_divergence(p_BV, q_BV),
        torch.distributions.kl_divergence(expected, torch.distributions.Categorical(logits=q_BV)),
    )
    assert kl_divergence(p_BV, p_BV).eq(0).all()


def test_loss_recovered_is_not_defined_where_the_ablation_does_no_damage():
    assert loss_recovered(ce_model=3.0, ce_spliced=3.5, ce_ablated=8.0) == pytest.approx(0.9)
    assert loss_recovered(ce_model=3.0, ce_spliced=3.5, ce_ablated=3.0) is None
    assert loss_recovered(ce_model=3.0, ce_spliced=3.5, ce_ablated=2.9) is None
