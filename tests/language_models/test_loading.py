import json
import os

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import open_artifact
from mistudio.errors import (
    ArtifactBroken,
    ArtifactExists,
    BadInput,
    DiskFull,
    FormatUnsupported,
    MissingExtra,
    UnknownModel,
    UnsupportedModel,
)
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.loading import load_model, load_tokenizer, save_model
from tests.tiny_models import FAMILIES, save_tiny_checkpoint, tiny_ids, tiny_model, tiny_tokenizer


def on_cpu(source, **options) -> ModelConfig:
    return ModelConfig(source=str(source), device="cpu", **{"dtype": "float32", **options})


@pytest.mark.parametrize("family", FAMILIES)
def test_a_checkpoint_of_each_family_loads_and_computes_what_was_saved(tmp_path, family):
    lm = load_model(on_cpu(save_tiny_checkpoint(tmp_path / family, family)))
    with torch.inference_mode():
        expected = tiny_model(family)(input_ids=tiny_ids()).logits
        torch.testing.assert_close(lm.module(input_ids=tiny_ids()).logits, expected, atol=1e-5, rtol=1e-5)


def test_a_loaded_model_is_in_evaluation_mode_and_asks_for_no_gradient(checkpoint):
    module = load_model(on_cpu(checkpoint)).module
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_bos_of_id_zero_is_a_bos(checkpoint):
    lm = load_model(on_cpu(checkpoint))
    assert lm.bos_id == 0
    assert lm.eos_id == 1
    assert lm.special_ids == {0, 1, 2}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_dtype_asked_for_is_the_dtype_given(checkpoint, dtype):
    assert load_model(on_cpu(checkpoint, dtype=dtype)).dtype is getattr(torch, dtype)


def test_auto_on_a_cpu_is_the_dtype_in_which_it_is_fast(checkpoint, monkeypatch):
    for fast, expected in ((True, torch.bfloat16), (False, torch.float32)):
        capabilities = {"amx_bf16": fast, "avx512_bf16": False}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        assert load_model(on_cpu(checkpoint, dtype="auto")).dtype is expected


def test_an_unknown_dtype_is_refused_by_the_configuration():
    with pytest.raises(ValueError, match="float32"):
        ModelConfig(source="x", dtype="int4")


def test_a_saved_model_is_an_artifact_that_loads_equal_with_the_same_name(checkpoint, tmp_path):
    lm = load_model(on_cpu(checkpoint))
    artifact = save_model(lm, tmp_path / "saved")
    again = load_model(on_cpu(tmp_path / "saved"))
    assert open_artifact(tmp_path / "saved", Kind.MODEL, deep=True).manifest == artifact.manifest
    assert again.name == "llama"
    assert again.tokenizer("the union").input_ids == lm.tokenizer("the union").input_ids
    with torch.inference_mode():
        assert torch.equal(again.module(input_ids=tiny_ids()).logits, lm.module(input_ids=tiny_ids()).logits)


def test_saving_over_something_is_refused(checkpoint):
    with pytest.raises(ArtifactExists):
        save_model(load_model(on_cpu(checkpoint)), checkpoint)


def test_a_full_disk_is_said_and_nothing_half_written_is_left(checkpoint, tmp_path, monkeypatch):
    def fail(*_args, **_options):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    lm = load_model(on_cpu(checkpoint))
    monkeypatch.setattr(lm.module, "save_pretrained", fail)
    with pytest.raises(DiskFull, match="saved"):
        save_model(lm, tmp_path / "saved")
    assert [path.name for path in tmp_path.iterdir()] == ["llama"]


def test_the_digest_follows_the_weights_and_not_the_place(checkpoint, tmp_path):
    same = save_tiny_checkpoint(tmp_path / "elsewhere")
    other = save_tiny_checkpoint(tmp_path / "other", seed=1)
    digests = [load_model(on_cpu(path)).digest for path in (checkpoint, same, other)]
    assert digests[0] == digests[1] != digests[2]


def test_a_truncated_safetensors_file_is_refused_by_name(checkpoint):
    weights = checkpoint / "model.safetensors"
    os.truncate(weights, weights.stat().st_size - 1000)
    with pytest.raises(ArtifactBroken, match=r"model\.safetensors is truncated"):
        load_model(on_cpu(checkpoint))


@pytest.mark.parametrize("content", [b"", b"\x00" * 4, b"\xff" * 64, b"not a tensor in sight, just words and words"])
def test_a_file_that_is_no_safetensors_file_is_refused_by_name(checkpoint, content):
    (checkpoint / "model.safetensors").write_bytes(content)
    with pytest.raises(ArtifactBroken, match=r"model\.safetensors is not a sound safetensors file"):
        load_model(on_cpu(checkpoint))


def test_a_missing_shard_is_refused_by_name(checkpoint):
    index = {"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ArtifactBroken, match=r"model-00001-of-00002\.safetensors is missing"):
        load_model(on_cpu(checkpoint))


def test_weights_that_are_missing_are_never_replaced_by_random_ones(checkpoint):
    weights = load_file(checkpoint / "model.safetensors")
    del weights["model.layers.2.mlp.up_proj.weight"]
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ArtifactBroken, match=r"lacks 1 of its weights, the first being model\.layers\.2\.mlp\.up_proj"):
        load_model(on_cpu(checkpoint))


def test_weights_of_another_shape_than_the_configuration_says_are_refused(checkpoint):
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, "intermediate_size": 64}))
    with pytest.raises(ArtifactBroken, match="do not fit its configuration"):
        load_model(on_cpu(checkpoint))


def test_pickled_weights_are_refused_and_never_opened(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    (checkpoint / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(FormatUnsupported, match=r"only pytorch_model\.bin, which is pickled and never loaded"):
        load_model(on_cpu(checkpoint))


def test_a_pickled_file_given_directly_is_refused(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(FormatUnsupported, match="pickled weights are never loaded"):
        load_model(on_cpu(path))


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no weights here")
    with pytest.raises(FormatUnsupported, match="is not a GGUF file"):
        load_model(on_cpu(path))


def test_a_directory_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(FormatUnsupported, match=r"holds no model: it has no config\.json"):
        load_model(on_cpu(tmp_path))


def test_a_model_that_is_no_causal_language_model_is_refused(checkpoint):
    (checkpoint / "config.json").write_text(json.dumps({"model_type": "clip"}))
    with pytest.raises(UnsupportedModel, match="not a causal language model"):
        load_model(on_cpu(checkpoint))


@pytest.mark.parametrize("content", ["", "{", '{"a": 1}', '{"model_type": "perceptron-9000"}'])
def test_a_broken_configuration_is_one_sentence(checkpoint, content):
    (checkpoint / "config.json").write_text(content)
    with pytest.raises((FormatUnsupported, UnsupportedModel), match="llama"):
        load_model(on_cpu(checkpoint))


def test_code_that_comes_with_a_checkpoint_is_not_run_unasked(checkpoint):
    config = json.loads((checkpoint / "config.json").read_text())
    config |= {"model_type": "mystery", "auto_map": {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"}}
    (checkpoint / "config.json").write_text(json.dumps(config))
    (checkpoint / "code.py").write_text("raise SystemExit('this code was run')")
    with pytest.raises(UnsupportedModel, match="not run unasked"):
        load_model(on_cpu(checkpoint))


@pytest.mark.parametrize("source", ["/no/such/model", "./model.gguf", "a/b/c", "weights.safetensors", "not a name"])
def test_a_path_that_does_not_exist_is_said_so_without_asking_the_hub(source):
    with pytest.raises(UnknownModel, match="There is no file or directory"):
        load_model(source)


def test_a_device_that_is_not_here_is_refused(checkpoint):
    with pytest.raises(BadInput, match="There is no device 'abacus'"):
        load_model(ModelConfig(source=str(checkpoint), device="abacus"))


def test_quantisation_without_its_package_is_refused_with_the_remedy(checkpoint, monkeypatch):
    monkeypatch.setattr("mistudio.language_models.quantisation.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="bitsandbytes") as caught:
        load_model(on_cpu(checkpoint, quantize="4bit"))
    assert "mistudio[quantisation]" in caught.value.remedy


def test_a_tokenizer_loads_without_the_weights(tmp_path):
    tiny_model().config.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    assert load_tokenizer(str(tmp_path)).bos_token_id == 0
