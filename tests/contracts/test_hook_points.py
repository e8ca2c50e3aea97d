"""Every hook point of every family is what its name says, proven against what the model itself reports."""

import pytest
import torch
from transformers import PreTrainedModel

from mistudio.language_models.anatomy import blocks_of, final_norm, output_projection, site_of
from mistudio.language_models.hook_points import HookPoint, HookSite
from mistudio.language_models.hooks import edit, output_matrix, width_of
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.partial_forward import run_until
from tests.tiny_models import ADDITIVE_FAMILIES, FAMILIES, tiny_ids, tiny_language_model

LAYERS = 4
NORMS = (
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "ln_2",
    "ln_mlp",
    "input_layernorm",
    "final_layer_norm",
)
CLOSE = {"atol": 2e-5, "rtol": 2e-5}


@pytest.fixture(scope="module", params=FAMILIES)
def lm(request: pytest.FixtureRequest) -> LanguageModel:
    return tiny_language_model(request.param)


@pytest.fixture(scope="module", params=ADDITIVE_FAMILIES)
def additive_lm(request: pytest.FixtureRequest) -> LanguageModel:
    return tiny_language_model(request.param)


@pytest.fixture(scope="module")
def values(lm: LanguageModel) -> dict[HookPoint, torch.Tensor]:
    return everything(lm)


def everything(lm: LanguageModel) -> dict[HookPoint, torch.Tensor]:
    points = [HookPoint(site, layer) for layer in range(LAYERS) for site in HookSite]
    return run_until(lm, tiny_ids(), points)


def hidden_states(module: PreTrainedModel) -> tuple[torch.Tensor, ...]:
    with torch.inference_mode():
        return module(input_ids=tiny_ids(), output_hidden_states=True).hidden_states


def test_resid_pre_and_resid_post_are_the_models_own_hidden_states(lm, values):
    states = hidden_states(lm.module)
    for layer in range(LAYERS):
        torch.testing.assert_close(values[HookPoint(HookSite.RESID_PRE, layer)], states[layer], **CLOSE)
    for layer in range(LAYERS - 1):
        torch.testing.assert_close(values[HookPoint(HookSite.RESID_POST, layer)], states[layer + 1], **CLOSE)


def test_the_last_resid_post_gives_the_models_logits_through_norm_and_unembedding(lm, values):
    last = values[HookPoint(HookSite.RESID_POST, LAYERS - 1)]
    with torch.inference_mode():
        expected = lm.module(input_ids=tiny_ids()).logits
        for part in (final_norm(lm.module), getattr(lm.module.get_decoder(), "project_out", None)):
            last = last if part is None else part(last)
        logits = lm.module.get_output_embeddings()(last)
        cap = getattr(lm.module.config, "final_logit_softcapping", None)
        logits = cap * torch.tanh(logits / cap) if cap else logits
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_what_enters_plus_what_is_added_is_what_leaves(additive_lm):
    values = everything(additive_lm)
    for layer in range(LAYERS):
        pre, attn, mlp, post = (
            values[HookPoint(site, layer)]
            for site in (HookSite.RESID_PRE, HookSite.ATTN_OUT, HookSite.MLP_OUT, HookSite.RESID_POST)
        )
        assert attn.abs().max() > 0.01
        assert mlp.abs().max() > 0.01
        torch.testing.assert_close(pre + attn + mlp, post, **CLOSE)


def test_opt_350m_normalises_the_sums():
    lm = tiny_language_model("opt_post_norm")
    values, (_, blocks) = everything(lm), blocks_of(lm.module)
    for layer, block in enumerate(blocks):
        pre, attn, mlp, post = (
            values[HookPoint(site, layer)]
            for site in (HookSite.RESID_PRE, HookSite.ATTN_OUT, HookSite.MLP_OUT, HookSite.RESID_POST)
        )
        middle = block.self_attn_layer_norm(pre + attn)
        torch.testing.assert_close(values[HookPoint(HookSite.MLP_IN, layer)], middle, **CLOSE)
        torch.testing.assert_close(block.final_layer_norm(middle + mlp), post, **CLOSE)


def test_attn_z_through_the_output_projection_is_attentions_output(lm, values):
    for layer in range(LAYERS):
        z = values[HookPoint(HookSite.ATTN_Z, layer)]
        out = z @ output_matrix(lm, layer)
        bias = getattr(output_projection(lm.module, layer), "bias", None)
        out = out if bias is None else out + bias
        norm = getattr(blocks_of(lm.module)[1][layer], "post_attention_layernorm", None)
        if lm.module.config.model_type.startswith("gemma"):
            out = norm(out)
        torch.testing.assert_close(out, values[HookPoint(HookSite.ATTN_OUT, layer)], **CLOSE)


def test_the_mlp_maps_mlp_in_to_mlp_out(lm, values):
    for layer, block in enumerate(blocks_of(lm.module)[1]):
        value = values[HookPoint(HookSite.MLP_IN, layer)]
        out = block.fc2(block.activation_fn(block.fc1(value))) if hasattr(block, "fc1") else block.mlp(value)
        if lm.module.config.model_type.startswith("gemma"):
            out = block.post_feedforward_layernorm(out)
        torch.testing.assert_close(out, values[HookPoint(HookSite.MLP_OUT, layer)], **CLOSE)


def test_mlp_in_is_a_normalised_residual_stream(lm, values):
    pre_norms = [name for name in NORMS if hasattr(blocks_of(lm.module)[1][0], name)]
    for layer, block in enumerate(blocks_of(lm.module)[1]):
        pre = values[HookPoint(HookSite.RESID_PRE, layer)]
        middle = pre + values[HookPoint(HookSite.ATTN_OUT, layer)]
        candidates = [getattr(block, name)(stream) for name in pre_norms for stream in (pre, middle)]
        candidates += [block.self_attn_layer_norm(middle)] if hasattr(block, "self_attn_layer_norm") else []
        value = values[HookPoint(HookSite.MLP_IN, layer)]
        assert min(float((value - candidate).abs().max()) for candidate in candidates) < 1e-4


@pytest.mark.parametrize("site", list(HookSite))
def test_each_value_is_as_wide_as_stated(lm, site):
    point = HookPoint(site, 1)
    assert run_until(lm, tiny_ids(3, 5), [point])[point].shape == (3, 5, width_of(lm, point))


@pytest.mark.parametrize("site", list(HookSite))
def test_recording_one_point_gives_what_recording_all_gives(lm, values, site):
    point = HookPoint(site, 2)
    torch.testing.assert_close(run_until(lm, tiny_ids(), [point])[point], values[point], atol=0, rtol=0)


@pytest.mark.parametrize("site", list(HookSite))
def test_an_edit_of_each_point_reaches_the_logits_and_counts_its_tokens(lm, site):
    ids = tiny_ids(2, 7)
    with torch.inference_mode():
        plain = lm.module(input_ids=ids).logits
        with edit(lm, HookPoint(site, 1), lambda value: value * 1.0) as firing:
            same = lm.module(input_ids=ids).logits
        with edit(lm, HookPoint(site, 1), lambda value: value + torch.linspace(-2, 2, value.shape[-1])):
            other = lm.module(input_ids=ids).logits
    torch.testing.assert_close(same, plain, **CLOSE)
    assert firing.tokens == 14
    assert (other - plain).abs().max() > 1e-3
    with torch.inference_mode():
        torch.testing.assert_close(lm.module(input_ids=ids).logits, plain, atol=0, rtol=0)


def test_an_edit_of_a_branch_changes_the_stream_by_exactly_that_much(additive_lm):
    delta = torch.linspace(-1, 1, additive_lm.d_model)
    post = HookPoint(HookSite.RESID_POST, 1)
    plain = run_until(additive_lm, tiny_ids(), [post])[post]
    with edit(additive_lm, HookPoint(HookSite.MLP_OUT, 1), lambda value: value + delta):
        edited = run_until(additive_lm, tiny_ids(), [post])[post]
    torch.testing.assert_close(edited - plain, delta.expand_as(plain), atol=1e-4, rtol=1e-4)


def test_repeated_builds_give_the_same_paths(lm):
    again = tiny_language_model(lm.config.source.removeprefix("tiny/"))
    for site in HookSite:
        point = HookPoint(site, 3)
        assert site_of(lm.module, point).path == site_of(again.module, point).path
