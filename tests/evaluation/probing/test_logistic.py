import numpy as np
import pytest
import torch

from mistudio.evaluation.probing.logistic import fit_probes


def newton(x_ND, answers_N, l2, weight_N, steps=60):
    """The same problem for one probe, by Newton's method on standardised inputs, written out."""
    z = (x_ND - x_ND.mean(0)) / x_ND.std(0)
    ones = np.concatenate([z, np.ones((len(z), 1))], axis=1)
    penalty = np.diag([l2] * z.shape[1] + [0.0])
    theta = np.zeros(ones.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-ones @ theta))
        gradient = ones.T @ (weight_N * (p - answers_N)) + penalty @ theta
        hessian = (ones * (weight_N * p * (1 - p))[:, None]).T @ ones + penalty
        theta -= np.linalg.solve(hessian, gradient)
    weights = theta[:-1] / x_ND.std(0)
    return weights, theta[-1] - weights @ x_ND.mean(0)


def made_up(samples=200, inputs=6, seed=0):
    draw = np.random.default_rng(seed)
    x_ND = draw.normal(size=(samples, inputs)) * [1, 10, 0.1, 1, 1, 1][:inputs] + 3
    answers_CN = np.stack(
        [x_ND[:, 0] + draw.normal(size=samples) > 3.8, x_ND[:, 1] + 9 * draw.normal(size=samples) > 3]
    )
    return x_ND, answers_CN


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("l2", [0.1, 1.0, 30.0])
def test_each_probe_is_the_optimum_that_newtons_method_finds(balanced, l2):
    x_ND, answers_CN = made_up()
    probes = fit_probes(torch.from_numpy(x_ND), torch.from_numpy(answers_CN), l2=l2, balanced=balanced)
    for c, answers_N in enumerate(answers_CN):
        yes = answers_N.sum()
        weight_N = np.where(answers_N, 200 / (2 * yes), 200 / (2 * (200 - yes))) if balanced else np.ones(200)
        weights_D, bias = newton(x_ND, answers_N.astype(float), l2, weight_N)
        assert probes.weights_CD[c].numpy() == pytest.approx(weights_D, rel=1e-4, abs=1e-6)
        assert float(probes.bias_C[c]) == pytest.approx(bias, rel=1e-4)


def test_probes_with_inputs_of_their_own_are_those_fitted_one_by_one():
    x_ND, answers_CN = (torch.from_numpy(each) for each in made_up())
    own_CNK = torch.stack([x_ND[:, :3], x_ND[:, 2:5]])
    together = fit_probes(own_CNK, answers_CN, l2=1.0, balanced=True)
    for c in range(2):
        alone = fit_probes(own_CNK[c], answers_CN[c : c + 1], l2=1.0, balanced=True)
        assert torch.allclose(together.weights_CD[c], alone.weights_CD[0], rtol=1e-4, atol=1e-7)
        assert torch.allclose(together.logits(own_CNK)[c], alone.logits(own_CNK[c])[0], rtol=1e-4, atol=1e-5)


def test_the_unit_of_an_input_does_not_matter():
    x_ND, answers_CN = (torch.from_numpy(each) for each in made_up())
    unit_D = torch.tensor([1e-3, 1, 50, 1e6, 1, 1], dtype=torch.float64)
    plain = fit_probes(x_ND, answers_CN, l2=1.0, balanced=True)
    scaled = fit_probes(x_ND * unit_D, answers_CN, l2=1.0, balanced=True)
    assert torch.allclose(plain.logits(x_ND), scaled.logits(x_ND * unit_D), rtol=1e-5, atol=1e-6)


def test_an_input_that_never_changes_gets_no_weight():
    x_ND, answers_CN = (torch.from_numpy(each) for each in made_up(inputs=2))
    with_constant = torch.cat([x_ND, torch.full((200, 1), 0.1, dtype=torch.float64)], dim=1)
    probes = fit_probes(with_constant, answers_CN, l2=1.0, balanced=True)
    assert probes.weights_CD[:, 2].tolist() == [0, 0]
    assert torch.allclose(probes.weights_CD[:, :2], fit_probes(x_ND, answers_CN, l2=1.0, balanced=True).weights_CD)


def test_more_inputs_than_samples_and_a_separable_class_end_finite():
    x_ND = torch.randn((20, 300), generator=torch.Generator().manual_seed(0))
    answers_CN = torch.arange(20)[None] < 7
    probes = fit_probes(x_ND, answers_CN, l2=1.0, balanced=True)
    assert bool(((probes.logits(x_ND) > 0) == answers_CN).all())
    assert bool(probes.weights_CD.isfinite().all())


def test_activations_of_inference_mode_can_be_fitted():
    with torch.inference_mode():
        x_ND = torch.randn((30, 2), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert fit_probes(x_ND, torch.arange(30)[None] < 9, l2=1.0, balanced=False).weights_CD.shape == (1, 2)


def test_a_class_without_a_rest_is_refused():
    with pytest.raises(ValueError, match="both answers"):
        fit_probes(torch.zeros(4, 2), torch.ones((1, 4), dtype=torch.bool), l2=1.0, balanced=True)
