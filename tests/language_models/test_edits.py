import pytest
import torch

from mistudio.errors import HookMissing, ShapeError
from mistudio.language_models.generation import generate
from mistudio.language_models.hook_points import HookPoint, HookSite
from mistudio.language_models.hooks import edit
from mistudio.language_models.partial_forward import run_until
from tests.tiny_models import FAMILIES, tiny_ids, tiny_language_model

POINT = HookPoint.parse("resid_post.1")


def test_an_edit_that_never_fired_is_an_error_and_not_a_silently_unsteered_output(lm):
    with (
        pytest.raises(HookMissing, match="resid_post.3 never fired"),
        edit(lm, HookPoint.parse("resid_post.3"), torch.neg),
    ):
        run_until(lm, tiny_ids(), [POINT])


def test_tokens_demanded_are_compared_with_tokens_seen(lm):
    with edit(lm, POINT, torch.neg) as firing:
        run_until(lm, tiny_ids(2, 9), [POINT])
    firing.demand(18)
    with pytest.raises(HookMissing, match="fired on 18 of 20 tokens"):
        firing.demand(20)


def test_an_edit_that_changes_the_shape_is_refused(lm):
    with pytest.raises(ShapeError, match="resid_post.1"), edit(lm, POINT, lambda value: value[:, :, :-1]):
        run_until(lm, tiny_ids(), [POINT])


def test_the_model_is_itself_again_after_an_edit_that_failed(lm):
    def fail(_value: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("out of luck")

    before = run_until(lm, tiny_ids(), [POINT])[POINT]
    with pytest.raises(RuntimeError, match="out of luck"), edit(lm, POINT, fail):
        run_until(lm, tiny_ids(), [POINT])
    assert torch.equal(run_until(lm, tiny_ids(), [POINT])[POINT], before)


def test_recording_inside_an_edit_sees_the_edited_value(lm):
    with edit(lm, POINT, torch.zeros_like):
        assert run_until(lm, tiny_ids(), [POINT])[POINT].abs().max() == 0


def test_edits_of_one_point_are_applied_in_order(lm):
    with edit(lm, POINT, torch.ones_like), edit(lm, POINT, lambda value: value * 3):
        assert (run_until(lm, tiny_ids(), [POINT])[POINT] == 3).all()


def test_an_edit_in_float32_keeps_a_bfloat16_model_in_bfloat16():
    lm = tiny_language_model("llama")
    lm.module.to(torch.bfloat16)
    with edit(lm, POINT, lambda value: value.float() + 1):
        assert run_until(lm, tiny_ids(), [POINT])[POINT].dtype is torch.bfloat16


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("site", list(HookSite))
def test_an_edit_acts_on_every_step_of_a_cached_generation(family, site):
    lm, ids = tiny_language_model(family), tiny_ids(2, 5)
    point = HookPoint(site, 1)

    def shift(value: torch.Tensor) -> torch.Tensor:
        return value + torch.linspace(-3, 3, value.shape[-1])

    with edit(lm, point, shift) as cached:
        fast = generate(lm, ids, max_new_tokens=6)
    with edit(lm, point, shift):
        slow = generate(lm, ids, max_new_tokens=6, use_cache=False)
    assert torch.equal(fast, slow)
    assert cached.tokens == 2 * (5 + fast.shape[1] - 1)
    assert cached.calls == fast.shape[1]


@pytest.mark.parametrize("family", ["falcon", "opt"])
def test_an_edit_may_give_back_the_same_tensor_each_time(family):
    lm = tiny_language_model(family)
    constant = torch.ones(2, 16, 32)
    with edit(lm, HookPoint.parse("mlp_out.1"), lambda _value: constant):
        run_until(lm, tiny_ids(), [POINT])
    assert (constant == 1).all()
