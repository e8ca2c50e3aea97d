import time

import pytest
import torch

from mistudio.errors import BadInput, HookMissing
from mistudio.language_models.anatomy import blocks_of
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.partial_forward import run_until
from tests.tiny_models import FAMILIES, tiny_ids, tiny_language_model, tiny_model

MIDDLE = HookPoint.parse("resid_post.1")


def fired_blocks(lm, points) -> list[int]:
    fired = []
    handles = [
        block.register_forward_hook(lambda *_, index=index: fired.append(index))
        for index, block in enumerate(blocks_of(lm.module)[1])
    ]
    head = lm.module.get_output_embeddings().register_forward_hook(lambda *_: fired.append(-1))
    run_until(lm, tiny_ids(), points)
    for handle in [*handles, head]:
        handle.remove()
    return fired


@pytest.mark.parametrize("family", FAMILIES)
def test_the_forward_pass_stops_at_the_last_hooked_layer_and_computes_no_logits(family):
    assert fired_blocks(tiny_language_model(family), [HookPoint.parse("mlp_in.0"), HookPoint.parse("resid_pre.2")]) == [
        0,
        1,
    ]


def test_no_logits_are_computed_even_when_the_last_layer_is_hooked(lm):
    assert -1 not in fired_blocks(lm, [HookPoint.parse("resid_post.3")])


def test_the_order_of_the_points_does_not_matter(lm):
    points = [HookPoint.parse(text) for text in ("resid_post.2", "attn_z.0", "mlp_out.1")]
    one, other = run_until(lm, tiny_ids(), points), run_until(lm, tiny_ids(), points[::-1])
    assert list(one) == points
    assert all(torch.equal(one[point], other[point]) for point in points)


def test_no_hook_is_left_behind(lm):
    run_until(lm, tiny_ids(), [MIDDLE])
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in lm.module.modules())


def test_no_hook_is_left_behind_by_a_failure(lm):
    def fail(*_: object) -> None:
        raise RuntimeError("out of luck")

    handle = blocks_of(lm.module)[1][0].register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="out of luck"):
        run_until(lm, tiny_ids(), [MIDDLE])
    handle.remove()
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in lm.module.modules())


def test_a_hook_that_fires_on_fewer_tokens_than_demanded_fails_the_request(lm):
    halve = blocks_of(lm.module)[1][1].register_forward_hook(lambda _module, _args, output: output[:, ::2])
    with pytest.raises(HookMissing, match="resid_post.1 fired on 16 of 32 tokens"):
        run_until(lm, tiny_ids(), [MIDDLE])
    halve.remove()


def test_a_hook_that_never_fires_fails_the_request(lm):
    block = blocks_of(lm.module)[1][1]
    block.forward = lambda hidden_states, *_args, **_kwargs: hidden_states
    with pytest.raises(HookMissing, match="mlp_out.1 fired on 0 of 32 tokens"):
        run_until(lm, tiny_ids(), [HookPoint.parse("mlp_out.1")])
    del block.forward


def test_a_layer_that_the_model_lacks_is_refused_with_the_range(lm):
    with pytest.raises(HookMissing, match="There is no resid_post.4") as caught:
        run_until(lm, tiny_ids(), [HookPoint.parse("resid_post.4")])
    assert "0 to 3" in caught.value.remedy


def test_no_points_no_tokens_and_foreign_ids_are_refused(lm):
    with pytest.raises(BadInput, match="No hook point"):
        run_until(lm, tiny_ids(), [])
    with pytest.raises(BadInput, match="no tokens"):
        run_until(lm, torch.empty(1, 0, dtype=torch.long), [MIDDLE])
    with pytest.raises(BadInput, match="Token id 320 is outside the vocabulary"):
        run_until(lm, torch.tensor([[0, 320]]), [MIDDLE])


def test_a_context_longer_than_the_model_was_made_for_is_refused(lm):
    with pytest.raises(BadInput, match="made for 128 tokens, and 129"):
        run_until(lm, tiny_ids(1, 129), [MIDDLE])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_on_either_side_changes_no_value_of_the_tokens(family, side):
    lm, ids = tiny_language_model(family), tiny_ids(1, 6)
    padding = torch.full((1, 3), 2)
    parts, kept = ([padding, ids], slice(3, None)) if side == "left" else ([ids, padding], slice(0, 6))
    mask = (torch.cat(parts, dim=1) != 2).long()
    padded = run_until(lm, torch.cat(parts, dim=1), [MIDDLE], attention_mask_CT=mask)[MIDDLE][:, kept]
    torch.testing.assert_close(padded, run_until(lm, ids, [MIDDLE])[MIDDLE], atol=1e-4, rtol=1e-4)


def test_values_are_the_models_own_dtype():
    lm = tiny_language_model("llama")
    lm.module.to(torch.bfloat16)
    assert run_until(lm, tiny_ids(), [MIDDLE])[MIDDLE].dtype is torch.bfloat16


def test_recording_is_about_as_fast_as_the_bare_forward_pass(lm):
    large = tiny_model("llama", hidden_size=256, intermediate_size=1024)
    ids, last = tiny_ids(8, 128), HookPoint.parse("resid_post.3")
    big = type(lm)(large, lm.tokenizer, lm.config, "speed")

    def seconds(run) -> float:
        started = time.process_time()
        run()
        return time.process_time() - started

    def bare() -> None:
        with torch.inference_mode():
            large.base_model(input_ids=ids, use_cache=False)

    pairs = [(seconds(bare), seconds(lambda: run_until(big, ids, [last]))) for _ in range(8)]
    # Processor time, and the best of interleaved runs: what else the machine does shall not matter.
    assert min(bare for bare, _ in pairs) / min(recorded for _, recorded in pairs) > 0.9
