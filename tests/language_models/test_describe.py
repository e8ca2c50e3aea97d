import pytest
import torch

from mistudio.errors import UnsupportedModel
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.describe import describe
from mistudio.language_models.hook_points import HookSite
from tests.tiny_models import FAMILIES, tiny_config, tiny_language_model, tiny_model


@pytest.mark.parametrize("family", FAMILIES)
def test_parameters_are_counted_right_and_tied_ones_once(family):
    lm = tiny_language_model(family)
    distinct = {parameter.data_ptr(): parameter.numel() for parameter in lm.module.parameters()}
    description = describe(lm)
    assert description.parameters == sum(distinct.values())
    assert description.tied_embeddings is bool(lm.module.config.tie_word_embeddings)


@pytest.mark.parametrize(
    ("family", "heads"), [("llama", 2), ("gpt2", 4), ("falcon", 1), ("falcon_new", 2), ("falcon_alibi", 4)]
)
def test_heads_with_keys_of_their_own_are_counted(family, heads):
    assert describe(tiny_language_model(family)).n_kv_heads == heads


def test_a_configuration_alone_is_enough(tmp_path):
    tiny_config("llama").save_pretrained(tmp_path)
    description = describe(str(tmp_path))
    assert description.model_dump(
        include={"family", "n_layers", "d_model", "n_heads", "d_head", "d_mlp", "vocab_size"}
    ) == {
        "family": "llama",
        "n_layers": 4,
        "d_model": 32,
        "n_heads": 4,
        "d_head": 8,
        "d_mlp": 48,
        "vocab_size": 320,
    }
    assert description.context_length == 128
    assert description.hook_points == tuple(HookSite)


def test_the_count_does_not_change_under_quantisation(tmp_path):
    config = tiny_config("llama")
    plain = describe(_saved(config, tmp_path / "plain"))
    config.quantization_config = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    packed = describe(_saved(config, tmp_path / "packed"))
    assert plain.parameters == packed.parameters
    assert describe(ModelConfig(source=str(tmp_path / "plain"), quantize="4bit")).parameters == plain.parameters


def test_a_model_of_seven_billion_parameters_is_described_without_its_memory(tmp_path):
    sizes = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "vocab_size": 32000}
    config = tiny_config("llama", num_attention_heads=32, num_key_value_heads=32, **sizes)
    description = describe(_saved(config, tmp_path))
    assert description.parameters == 6_738_415_616
    memory = {estimate.form: estimate.bytes for estimate in description.memory}
    assert memory["bfloat16"] == 2 * description.parameters
    assert memory["4bit"] < 0.31 * memory["bfloat16"]


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_the_estimate_in_float32_is_what_the_weights_take(family):
    module = tiny_model(family)
    taken = sum(parameter.nbytes for parameter in module.parameters())
    estimates = {estimate.form: estimate.bytes for estimate in describe(tiny_language_model(family)).memory}
    assert estimates["float32"] == taken
    assert estimates["8bit"] < estimates["bfloat16"] == taken // 2


def test_a_block_that_normalises_its_sums_is_said_not_to_be_additive():
    assert describe(tiny_language_model("opt")).additive
    assert not describe(tiny_language_model("opt_post_norm")).additive


def test_a_model_that_is_no_language_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(UnsupportedModel, match="not a causal language model"):
        describe(str(tmp_path))


def _saved(config, path) -> str:
    config.save_pretrained(path)
    return str(path)


def test_describing_leaves_the_default_device_alone(lm):
    describe(lm)
    assert torch.empty(1).device.type == "cpu"
