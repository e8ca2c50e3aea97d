"""A family without a row in families.py is proven on the model itself, or refused."""

import pytest
import torch
from transformers import AutoModelForCausalLM, CohereConfig, GraniteConfig, Olmo2Config, PreTrainedConfig

from mistudio.errors import UnsupportedModel
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.describe import describe
from mistudio.language_models.hook_points import HookPoint, HookSite
from mistudio.language_models.hooks import edit
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.partial_forward import run_until
from tests.tiny_models import tiny_ids, tiny_tokenizer

SIZES = {
    "vocab_size": 320,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 2,
}


def language_model(config: PreTrainedConfig) -> LanguageModel:
    torch.manual_seed(0)
    module = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval().requires_grad_(False)
    return LanguageModel(module, tiny_tokenizer(), ModelConfig(source=config.model_type), "test")


def test_a_family_that_adds_up_is_used_after_the_proof():
    lm = language_model(CohereConfig(**SIZES))
    points = [HookPoint(site, 1) for site in HookSite]
    values = run_until(lm, tiny_ids(), points)
    assert not describe(lm).proven
    assert set(values) == set(points)


@pytest.mark.parametrize("config", [GraniteConfig(**SIZES, residual_multiplier=0.3), Olmo2Config(**SIZES)])
def test_a_family_whose_parts_do_not_add_up_is_refused_with_the_layer(config):
    lm = language_model(config)
    with pytest.raises(UnsupportedModel, match="in layer 0, resid_pre"):
        run_until(lm, tiny_ids(), [HookPoint(HookSite.MLP_OUT, 0)])
    with pytest.raises(UnsupportedModel), edit(lm, HookPoint(HookSite.MLP_OUT, 0), torch.neg):
        pass


def test_the_proof_runs_once():
    lm = language_model(CohereConfig(**SIZES))
    run_until(lm, tiny_ids(), [HookPoint(HookSite.RESID_POST, 0)])
    fired = []
    handle = lm.module.get_input_embeddings().register_forward_hook(lambda *_: fired.append(1))
    run_until(lm, tiny_ids(), [HookPoint(HookSite.RESID_POST, 0)])
    handle.remove()
    assert len(fired) == 1
