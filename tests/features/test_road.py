from __future__ import annotations

from pathlib import Path

import torch

from mistudio.activations.config import StreamConfig
from mistudio.activations.stream import ModelSource
from mistudio.corpora.tokens import Tokens
from mistudio.features.config import FindConfig
from mistudio.features.find import find
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.partial_forward import run_until
from mistudio.sae.config import TopKConfig
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights
from tests.features.conftest import open_features
from tests.tiny_models import tiny_language_model


def test_features_of_a_running_model_show_what_the_sae_gives_on_that_text(tokens: Tokens, tmp_path: Path) -> None:
    lm = tiny_language_model()
    generator = torch.Generator().manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(64, lm.d_model, generator=generator), dim=1)
    weights = Weights(rows, torch.zeros(64), rows.clone(), torch.zeros(lm.d_model))
    sae = SparseAutoencoder(TopKConfig(k=4, d_sae=64), weights, hook="resid_post.1", model_name=lm.name)
    source = ModelSource(lm, tokens, "resid_post.1", StreamConfig(batch_contexts=3))
    artifact = find(sae, source, tokens, lm, tmp_path / "f", FindConfig(shard_activations=500))
    assert artifact.manifest.config["filter"]["special_ids"] == sorted(tokens.special_ids)

    features = open_features(tmp_path / "f")
    ids_CT = torch.from_numpy(tokens.contexts(range(tokens.n_contexts)))
    point = HookPoint.parse("resid_post.1")
    acts_PF = sae.encode(run_until(lm, ids_CT, [point])[point].flatten(0, 1))
    checked = 0
    for latent in range(64):
        for group in features.latent(latent).groups:
            for context in group.contexts:
                where = slice(context.position, context.position + len(context.token_ids))
                expected = acts_PF[where, latent] * torch.tensor(context.encoded)
                torch.testing.assert_close(torch.tensor(context.activations), expected, rtol=1e-3, atol=1e-5)
                checked += 1
    assert checked > 100
