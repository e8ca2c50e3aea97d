import pytest
import torch

from mistudio.evaluation.probing.config import FitConfig
from mistudio.evaluation.probing.splitting import class_differences, columns, rising, split_classes
from tests.evaluation.probing.planted import code_of


@pytest.mark.parametrize(
    ("values", "count"),
    [((0.5,), 1), ((0.5, 0.53), 1), ((0.5, 0.54), 2), ((0.5, 0.54, 0.54, 0.9), 2), ((), 0), ((0.1, 0.2, 0.3), 3)],
)
def test_a_latent_counts_while_each_raises_f1_by_more_than_the_threshold(values, count):
    assert rising(values, 0.03) == count


def test_columns_of_a_sparse_code_are_those_of_the_dense_one():
    draw = torch.Generator().manual_seed(0)
    acts_NF = torch.relu(torch.randn((20, 9), generator=draw))
    code = code_of([{f: float(value) for f, value in enumerate(row) if value > 0} for row in acts_NF])
    chosen = torch.tensor([4, 0, 7])
    assert torch.equal(columns(code, chosen, 9), acts_NF[:, chosen].double())
    answers_CN = torch.rand((3, 20), generator=draw) < 0.4
    expected = [acts_NF[yes].double().mean(0) - acts_NF[~yes].double().mean(0) for yes in answers_CN]
    assert torch.allclose(class_differences(code, 9, answers_CN), torch.stack(expected))


def test_only_latents_that_fire_more_for_the_class_are_candidates():
    rows = [{0: 1.0, 2: 1.0} if n % 2 else {1: 1.0, 2: 1.0} for n in range(12)]
    answers_CN = torch.tensor([[n % 2 == 1 for n in range(12)]])
    train_N = torch.arange(12) < 6
    (found,) = split_classes(code_of(rows), 4, answers_CN, train_N, max_latents=4, min_rise=0.03, fit=FitConfig())
    assert found.latents == found.main == (0,)
    assert found.train_f1 == found.test_f1 == (1.0,)


def test_a_class_that_no_latent_fires_for_has_no_main_latent():
    rows = [{0: 1.0} if n % 2 else {} for n in range(12)]
    answers_CN = torch.tensor([[n % 2 == 0 for n in range(12)]])
    train_N = torch.arange(12) < 6
    (found,) = split_classes(code_of(rows), 2, answers_CN, train_N, max_latents=9, min_rise=0.03, fit=FitConfig())
    assert found.main == ()


def test_latents_are_chosen_on_the_training_half_alone():
    # On the other half the latent 1 would tell the class perfectly.
    train_N = torch.arange(16) < 8
    answers_CN = torch.tensor([[n % 2 == 1 for n in range(16)]])
    rows = [({0: 1.0} if n < 8 else {1: 5.0}) if n % 2 else {2: 1.0} for n in range(16)]
    (found,) = split_classes(code_of(rows), 3, answers_CN, train_N, max_latents=3, min_rise=0.03, fit=FitConfig())
    assert found.latents == (0,)
    assert found.train_f1 == (1.0,)
    assert found.test_f1[0] < 1
