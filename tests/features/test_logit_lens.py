from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mistudio.corpora.tokens import Tokens
from mistudio.errors import ShapeError
from mistudio.features.config import FindConfig
from mistudio.features.find import find
from mistudio.features.pages import Features
from mistudio.language_models.loading import LanguageModel
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from tests.features.conftest import D_IN, D_SAE, MemorySource, make_sae, make_source, open_features
from tests.tiny_models import tiny_language_model


def lens_of(
    sae: SparseAutoencoder, lm: LanguageModel, tokens: Tokens, out: Path, config: FindConfig | None = None
) -> Features:
    find(sae, make_source(tokens, hook=sae.hook), tokens, lm, out, config)
    return open_features(out)


def narrow(family: str) -> LanguageModel:
    sizes = {"hidden_size": D_IN, "num_attention_heads": 2, "num_key_value_heads": 2}
    return tiny_language_model(family, **(sizes if family != "gpt2" else {"n_embd": D_IN, "n_head": 2}))


@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize("lens_latents", [1, 7, 1000])
def test_the_lens_ranks_tokens_by_the_logits_that_the_direction_adds(
    family: str, lens_latents: int, sae: SparseAutoencoder, tokens: Tokens, tmp_path: Path
) -> None:
    lm = narrow(family)
    features = lens_of(sae, lm, tokens, tmp_path / "f", FindConfig(lens_latents=lens_latents))
    head, norm = lm.module.get_output_embeddings().weight, {"llama": "model.norm", "gpt2": "transformer.ln_f"}[family]
    module = lm.module.get_submodule(norm)
    W_dec_FD = sae.W_dec_FD
    centred_FD = W_dec_FD - W_dec_FD.mean(dim=1, keepdim=True) if family == "gpt2" else W_dec_FD
    logits_FV = (centred_FD * module.weight) @ head.T
    for latent in range(D_SAE):
        page = features.latent(latent)
        expected = logits_FV[latent].sort(descending=True)
        assert [each.token_id for each in page.promoted] == expected.indices[:10].tolist()
        assert [each.token_id for each in page.suppressed] == expected.indices.flip(0)[:10].tolist()
        assert np.allclose([each.logit for each in page.promoted], expected.values[:10], atol=1e-4)
        assert np.allclose([each.logit for each in page.suppressed], expected.values.flip(0)[:10], atol=1e-4)


def test_the_manifest_says_how_the_final_norm_was_handled(
    sae: SparseAutoencoder, tokens: Tokens, tmp_path: Path
) -> None:
    features = lens_of(sae, narrow("llama"), tokens, tmp_path / "f")
    assert "gain of the final LlamaRMSNorm" in features.artifact.manifest.config["logit_lens"]


def test_without_a_model_or_without_tokens_to_keep_there_is_no_lens(
    features: Features, sae: SparseAutoencoder, tokens: Tokens, tmp_path: Path
) -> None:
    assert features.latent(0).promoted == features.latent(0).suppressed == ()
    assert features.artifact.manifest.config["logit_lens"] is None
    none = lens_of(sae, narrow("llama"), tokens, tmp_path / "f", FindConfig(logits=0))
    assert none.latent(0).promoted == ()


def test_directions_outside_the_residual_stream_are_not_read_as_tokens(tokens: Tokens, tmp_path: Path) -> None:
    sae = make_sae()
    sae.hook = sae.hook_out = "attn_z.1"
    features = lens_of(sae, narrow("llama"), tokens, tmp_path / "f")
    assert features.latent(0).promoted == ()
    assert "attn_z.1" in features.artifact.manifest.config["logit_lens"]


def test_a_model_of_another_width_is_refused_before_anything_is_encoded(
    sae: SparseAutoencoder, source: MemorySource, tokens: Tokens, tmp_path: Path
) -> None:
    with pytest.raises(ShapeError, match="32 wide"):
        find(sae, source, tokens, tiny_language_model(), tmp_path / "f")
    assert list(tmp_path.iterdir()) == []


def test_the_lens_leaves_no_gradient_behind(sae: SparseAutoencoder, tokens: Tokens, tmp_path: Path) -> None:
    lens_of(sae, narrow("llama"), tokens, tmp_path / "f")
    assert not sae.W_dec_FD.requires_grad
    assert torch.is_grad_enabled()
