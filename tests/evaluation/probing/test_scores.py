import pytest
import torch

from mistudio.evaluation.probing.scores import accuracy, auc, balanced_accuracy, f1, scores

LOGITS = torch.tensor([2.0, 0.5, -1.0, -0.5, 0.5, -3.0])
ANSWERS = torch.tensor([True, True, True, False, False, False])


def test_the_scores_are_those_counted_by_hand():
    # Said yes: 0, 1, 4. Right: 0, 1 of the class, 3 and 5 of the rest.
    assert accuracy(LOGITS, ANSWERS) == pytest.approx(4 / 6)
    assert balanced_accuracy(LOGITS, ANSWERS) == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert f1(LOGITS, ANSWERS) == pytest.approx(2 * 2 / (3 + 3))
    # Pairs: 2.0 beats three; 0.5 beats two and ties one; −1.0 beats one.
    assert auc(LOGITS, ANSWERS) == pytest.approx((3 + 2.5 + 1) / 9)


def test_balanced_accuracy_does_not_reward_saying_always_the_same():
    answers = torch.tensor([True] + [False] * 9)
    assert accuracy(torch.full((10,), -1.0), answers) == pytest.approx(0.9)
    assert balanced_accuracy(torch.full((10,), -1.0), answers) == pytest.approx(0.5)
    assert auc(torch.full((10,), -1.0), answers) == pytest.approx(0.5)


def test_f1_is_zero_where_nothing_is_right_or_nothing_is_there():
    assert f1(torch.tensor([-1.0, -1.0]), torch.tensor([True, False])) == 0
    assert f1(torch.tensor([-1.0, -1.0]), torch.tensor([False, False])) == 0


def test_auc_is_the_share_of_pairs_in_the_right_order():
    draw = torch.Generator().manual_seed(0)
    logits, answers = torch.randint(0, 6, (50,), generator=draw).float(), torch.rand(50, generator=draw) < 0.4
    pairs = [(yes > no) + 0.5 * (yes == no) for yes in logits[answers] for no in logits[~answers]]
    assert auc(logits, answers) == pytest.approx(float(sum(pairs)) / len(pairs))


def test_a_perfect_probe_has_only_ones():
    assert set(scores(ANSWERS.double() - 0.5, ANSWERS).model_dump().values()) == {1.0}
