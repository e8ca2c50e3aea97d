"""GGUF files are written here with the format's own library and read back through transformers."""

import json
from pathlib import Path

import gguf
import pytest
import torch

from mistudio.errors import BadInput, FormatUnsupported, MissingExtra, Paused
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.describe import describe
from mistudio.language_models.loading import load_model, save_model
from mistudio.progress import StopSwitch
from tests.tiny_models import tiny_ids, tiny_model, tiny_tokenizer

NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_gguf(path: Path) -> Path:
    module, tokenizer = tiny_model("llama"), tiny_tokenizer()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(4)
    writer.add_context_length(128)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(48)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(320)
    writer.add_tokenizer_model("gpt2")
    tokens = tokenizer.convert_ids_to_tokens(range(320))
    writer.add_token_list(tokens)
    writer.add_token_types([3] * 3 + [1] * 317)
    merges = [" ".join(pair) for pair in _merges(tokenizer)]
    writer.add_token_merges(merges)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_pad_token_id(2)
    for name, tensor in module.state_dict().items():
        writer.add_tensor(_gguf_name(name), _as_llama_cpp(name, tensor).contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _merges(tokenizer) -> list[list[str]]:
    return json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]


def _gguf_name(name: str) -> str:
    whole = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in whole or name == "lm_head.weight":
        return whole.get(name, "output.weight")
    _, _, layer, part = name.removesuffix(".weight").split(".", 3)
    return f"blk.{layer}.{NAMES[part]}.weight"


def _as_llama_cpp(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """llama.cpp interleaves the two halves of each rotary head."""
    heads = {"q_proj": 4, "k_proj": 2}.get(name.split(".")[-2])
    if heads is None:
        return tensor
    return tensor.reshape(heads, 2, -1, tensor.shape[1]).swapaxes(1, 2).reshape(tensor.shape)


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny-llama.gguf")


def config(path: Path, **options) -> ModelConfig:
    return ModelConfig(source=str(path), device="cpu", **{"dtype": "float32", **options})


def test_a_gguf_file_computes_what_the_model_in_it_computes(gguf_file):
    lm = load_model(config(gguf_file))
    with torch.inference_mode():
        expected = tiny_model("llama")(input_ids=tiny_ids()).logits
        torch.testing.assert_close(lm.module(input_ids=tiny_ids()).logits, expected, atol=1e-4, rtol=1e-4)
    assert lm.name == "tiny-llama"
    assert lm.bos_id == 0


def test_its_tokenizer_is_the_one_in_the_file(gguf_file):
    text = "our fathers brought forth 🎉 naïve"
    lm = load_model(config(gguf_file))
    assert lm.tokenizer(text, add_special_tokens=False).input_ids == tiny_tokenizer()(text).input_ids


def test_a_gguf_model_is_saved_as_an_artifact_that_loads_equal(gguf_file, tmp_path):
    lm = load_model(config(gguf_file))
    save_model(lm, tmp_path / "saved")
    again = load_model(config(tmp_path / "saved"))
    assert again.name == "tiny-llama"
    with torch.inference_mode():
        assert torch.equal(again.module(input_ids=tiny_ids()).logits, lm.module(input_ids=tiny_ids()).logits)


def test_a_gguf_file_is_described_without_reading_its_weights(gguf_file):
    description = describe(str(gguf_file))
    assert description.parameters == sum(parameter.numel() for parameter in tiny_model("llama").parameters())
    assert (description.family, description.n_layers, description.n_kv_heads) == ("llama", 4, 2)


def test_a_truncated_gguf_file_is_one_sentence(gguf_file, tmp_path):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(gguf_file.read_bytes()[:200_000])
    with pytest.raises(FormatUnsupported, match="cut cannot be read|of cut cannot be read"):
        load_model(config(cut))


def test_a_file_that_only_claims_to_be_gguf_is_one_sentence(tmp_path):
    path = tmp_path / "fake.gguf"
    path.write_bytes(b"GGUF" + b"\x00" * 100)
    with pytest.raises(FormatUnsupported, match="fake cannot be read"):
        load_model(config(path))


def test_quantising_a_gguf_file_again_is_refused(gguf_file, monkeypatch):
    monkeypatch.setattr("mistudio.language_models.quantisation.find_spec", lambda name: object())
    with pytest.raises(BadInput, match="quantised already"):
        load_model(config(gguf_file, quantize="8bit"))


@pytest.mark.parametrize("package", ["gguf", "accelerate"])
def test_gguf_without_its_packages_is_refused_with_the_remedy(gguf_file, monkeypatch, package):
    monkeypatch.setattr("mistudio.language_models.gguf.find_spec", lambda name: None if name == package else object())
    with pytest.raises(MissingExtra, match=f"the package {package}") as caught:
        load_model(config(gguf_file))
    assert "mistudio[gguf]" in caught.value.remedy


class AskedWhileItLoads(StopSwitch):
    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        if stage == "model: load":
            self.pause()


def test_unpacking_stops_when_asked_to(tmp_path):
    with pytest.raises(Paused) as raised:
        load_model(str(write_gguf(tmp_path / "tiny.gguf")), progress=AskedWhileItLoads())
    assert any("gguf" in Path(entry.path).name and "transformers" in str(entry.path) for entry in raised.traceback)
