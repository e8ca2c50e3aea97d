import pytest
import torch

from mistudio.evaluation.probing.config import FitConfig
from mistudio.evaluation.probing.logistic import Probes
from mistudio.evaluation.probing.perturbation import effects, perturb, without
from mistudio.evaluation.probing.reading import Means
from mistudio.evaluation.probing.sparse_probing import (
    Samples,
    mean_differences,
    means_over_classes,
    probe_classes,
    probe_raw,
    strongest,
)

FIT = FitConfig()
CLASSES, LATENTS, WIDTH = 3, 12, 8


def planted(documents=60, noise=0.0):
    """Three classes; latent c fires for class c and adds axis c to the activation, the others are noise."""
    draw = torch.Generator().manual_seed(0)
    kind_N = torch.arange(documents) % CLASSES
    answers_CN = torch.stack([kind_N == c for c in range(CLASSES)])
    acts_NF = 0.1 * torch.rand((documents, LATENTS), generator=draw)
    acts_NF[:, :CLASSES] = answers_CN.T.float() + noise * torch.randn((documents, CLASSES), generator=draw)
    W_dec_FD = torch.nn.functional.normalize(torch.randn((LATENTS, WIDTH), generator=draw), dim=1)
    W_dec_FD[:CLASSES] = torch.eye(CLASSES, WIDTH)
    W_dec_FD[CLASSES:, :CLASSES] = 0
    x_ND = acts_NF @ W_dec_FD + 0.01 * torch.randn((documents, WIDTH), generator=draw)
    train_N = torch.arange(documents) % 2 == 0
    means = Means(x_ND, acts_NF, torch.full((documents,), 9))
    return Samples(means, ("a", "b", "c"), answers_CN, train_N), W_dec_FD


# ── sparse probing ───────────────────────────────────────────────────────────────────────────────


def test_a_latent_that_is_the_label_tells_the_class_alone():
    samples, _ = planted()
    found = probe_classes(samples, probe_raw(samples, FIT), (1, 2), FIT)
    for c, each in enumerate(found):
        assert each.sparse[0].latents == (c,)
        assert each.sparse[0].scores.accuracy == each.sparse[0].scores.auc == 1
        assert each.all_latents.auc == each.raw.auc == 1
        assert (each.documents, each.train_documents, each.test_documents) == (20, 10, 10)
        assert each.always_one_answer == pytest.approx(2 / 3)


def test_latents_that_know_nothing_do_no_better_than_chance():
    samples, _ = planted(documents=600)
    acts_NF = samples.means.acts_NF[:, CLASSES:]
    blind = Samples(samples.means._replace(acts_NF=acts_NF), samples.labels, samples.answers_CN, samples.train_N)
    for each in probe_classes(blind, probe_raw(samples, FIT), (1,), FIT):
        assert 0.4 < each.sparse[0].scores.auc < 0.6
        assert each.raw.auc == 1


def test_the_k_latents_are_those_of_largest_difference_of_means():
    acts_NF = torch.tensor([[1.0, 0.0, 5.0, 2.0], [3.0, 0.0, 1.0, 2.0], [0.0, 4.0, 4.0, 2.0]])
    answers_CN = torch.tensor([[True, True, False]])
    assert mean_differences(acts_NF, answers_CN).tolist() == [[2, -4, -1, 0]]
    assert strongest(mean_differences(acts_NF, answers_CN), 3).tolist() == [[1, 0, 2]]


def test_the_test_half_has_no_say_in_what_is_chosen_or_fitted():
    samples, _ = planted(noise=0.3)
    acts_NF = samples.means.acts_NF.clone()
    acts_NF[~samples.train_N, 7] += 100 * samples.answers_CN[0][~samples.train_N]
    changed = Samples(samples.means._replace(acts_NF=acts_NF), samples.labels, samples.answers_CN, samples.train_N)
    raw = probe_raw(samples, FIT)
    before, after = (probe_classes(each, raw, (1, 2), FIT)[0].sparse[0] for each in (samples, changed))
    assert before == after


def test_more_latents_are_no_worse_on_a_noisy_label():
    samples, _ = planted(documents=600, noise=0.7)
    means = means_over_classes(probe_classes(samples, probe_raw(samples, FIT), (1, 5), FIT))
    assert [each.probe for each in means] == ["k=1", "k=5", "all latents", "raw activations"]
    assert 0.6 < means[0].scores.auc < means[1].scores.auc + 0.02 < 1.02


# ── targeted perturbation ────────────────────────────────────────────────────────────────────────


def test_zeroing_a_latent_that_is_the_class_destroys_its_probe_and_no_other():
    samples, W_dec_FD = planted()
    (at_one,) = perturb(samples, probe_raw(samples, FIT), W_dec_FD, (1,))
    for c, each in enumerate(at_one.classes):
        assert each.latents == (c,)
        assert each.own_fall == pytest.approx(0.5)
        # Without its axis a document of the class is of no class: the others still say no.
        assert each.others_fall == pytest.approx(0.0)
        assert each.score == pytest.approx(0.5)
    assert at_one.score == pytest.approx(0.5)


def test_one_latent_for_all_classes_is_of_no_class_in_particular():
    samples, W_dec_FD = planted()
    shared = W_dec_FD.clone()
    shared[:CLASSES] = 0
    shared[CLASSES] = torch.eye(WIDTH)[5]
    (at_three,) = perturb(samples, probe_raw(samples, FIT), shared, (3,))
    assert at_three.score == pytest.approx(0.0, abs=0.05)


def test_zeroing_latents_in_the_mean_is_zeroing_them_in_every_token():
    draw = torch.Generator().manual_seed(0)
    acts_TF, W_dec_FD = torch.rand((5, 4), generator=draw), torch.randn((4, 3), generator=draw)
    error_TD = torch.randn((5, 3), generator=draw)
    chosen = torch.tensor([1, 3])
    x_TD = acts_TF @ W_dec_FD + error_TD
    without_TF = acts_TF.index_fill(1, chosen, 0)
    means = Means(x_TD.mean(0)[None], acts_TF.mean(0)[None], torch.tensor([5]))
    expected_D = (without_TF @ W_dec_FD + error_TD).mean(0)
    assert torch.allclose(without(means, chosen, W_dec_FD)[0], expected_D.double(), atol=1e-6)


def test_an_effect_is_the_larger_mean_by_what_it_adds_to_the_logit():
    acts_NF = torch.tensor([[2.0, 0.0], [0.0, 6.0]])
    answers_CN = torch.tensor([[True, False], [False, True]])
    probes = Probes(torch.tensor([[1.0, 0.0], [0.5, 1.0]]).double(), torch.zeros(2).double())
    W_dec_FD = torch.tensor([[3.0, 1.0], [1.0, -1.0]])
    # Class 0: latent 0 is 2 larger and adds 3; class 1: latent 1 is 6 larger and adds 0.5 − 1.
    assert effects(acts_NF, answers_CN, probes, W_dec_FD).tolist() == [[6, 0], [0, -3]]


def test_only_latents_that_speak_for_the_class_are_zeroed():
    samples, W_dec_FD = planted()
    (at_all,) = perturb(samples, probe_raw(samples, FIT), W_dec_FD, (LATENTS,))
    for c, each in enumerate(at_all.classes):
        assert each.latents[0] == c
        assert len(each.latents) < LATENTS
