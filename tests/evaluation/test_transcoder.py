"""A transcoder is measured against its target, and put in the target's place."""

from __future__ import annotations

import pytest
import torch

from mistudio.activations.outliers import JointFilter, TokenFilter
from mistudio.errors import BadInput
from mistudio.evaluation.config import EvaluateConfig
from mistudio.evaluation.evaluate import evaluate, filter_of
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.partial_forward import run_until
from mistudio.progress import Silent
from mistudio.sae.config import TopKTranscoderConfig
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import W_SKIP, Weights
from mistudio.steering.config import Edit, SteeringSpec
from mistudio.steering.steer import steer
from tests.evaluation.conftest import D


def transcoder(hook, hook_out, *, skip, decoder=0.0, metadata=None):
    generator = torch.Generator().manual_seed(1)
    W_enc_FD, W_dec_FD = torch.randn((2, 64, D), generator=generator)
    weights = Weights(W_enc_FD, torch.zeros(64), W_dec_FD * decoder, torch.zeros(D), {W_SKIP: skip})
    config = TopKTranscoderConfig(architecture="topk_skip_transcoder", k=4)
    return SparseAutoencoder(config, weights, hook=hook, hook_out=hook_out, model_name="tiny", metadata=metadata)


def test_two_names_of_one_stream_are_transcoded_without_loss_by_the_skip_connection(lm, tokens):
    found = evaluate(transcoder("resid_post.1", "resid_pre.2", skip=torch.eye(D)), lm, tokens)
    assert found.fvu == pytest.approx(0.0, abs=1e-10)
    assert found.ce_spliced == pytest.approx(found.ce_model, abs=1e-6)
    assert found.loss_recovered_zero == pytest.approx(1.0, abs=1e-5)


def test_one_that_writes_nothing_is_zero_ablation_of_the_target(lm, tokens):
    found = evaluate(transcoder("mlp_in.1", "mlp_out.1", skip=torch.zeros(D, D)), lm, tokens)
    assert found.ce_spliced == found.ce_zero
    assert found.loss_recovered_zero == 0.0


def test_fvu_is_that_of_the_target_computed_by_hand(lm, tokens):
    sae = transcoder("mlp_in.1", "mlp_out.1", skip=torch.eye(D) * 0.1, decoder=0.01)
    found = evaluate(sae, lm, tokens, EvaluateConfig(splice_contexts=0, batch_contexts=7))
    points = [HookPoint.parse(hook) for hook in sae.hooks]
    ids_CT = torch.from_numpy(tokens.contexts(tokens.rows("held_out")))
    acts = run_until(lm, ids_CT, points)
    wide_BD = torch.cat([acts[point].flatten(0, 1) for point in points], 1)
    token_filter = filter_of(sae, lm, tokens, "held_out", Silent())
    assert isinstance(token_filter, JointFilter)
    keep_B = token_filter.keep(ids_CT.flatten(), wide_BD)
    x_BD, y_BD = wide_BD[keep_B].split(D, 1)
    assert not torch.allclose(x_BD, y_BD)
    wanted = (sae(x_BD) - y_BD).pow(2).sum() / (y_BD - y_BD.mean(0)).pow(2).sum()
    assert found.fvu == pytest.approx(float(wanted), rel=1e-5)
    assert found.sae["hook_out"] == "mlp_out.1"


def test_the_tokens_that_it_was_trained_without_at_either_hook_point_are_left_out(lm, tokens):
    rules = {
        "mlp_in.1": TokenFilter(tokens.special_ids),
        "mlp_out.1": TokenFilter(max_norm=1e-9, median_norm=1e-10, multiple=10.0),
    }
    described = {"rule": "", "hooks": {hook: rule.describe() for hook, rule in rules.items()}}
    sae = transcoder("mlp_in.1", "mlp_out.1", skip=torch.eye(D), metadata={"token_filter": described})
    found = filter_of(sae, lm, tokens, "held_out", Silent())
    assert isinstance(found, JointFilter)
    assert [rule for _, rule in found.rules] == list(rules.values())
    assert TokenFilter.from_description(described) == rules["mlp_in.1"]


def test_a_target_that_the_model_computes_first_cannot_be_put_in(lm, tokens):
    sae = transcoder("mlp_in.2", "mlp_out.1", skip=torch.eye(D))
    with pytest.raises(BadInput, match=r"computes mlp_out\.1 before mlp_in\.2"):
        evaluate(sae, lm, tokens)
    assert evaluate(sae, lm, tokens, EvaluateConfig(splice_contexts=0)).fvu > 0


def test_it_cannot_steer(lm):
    sae = transcoder("mlp_in.1", "mlp_out.1", skip=torch.eye(D))
    spec = SteeringSpec(hook="mlp_in.1", edits=(Edit(latent=1, strength=1.0),))
    with pytest.raises(BadInput, match="Steering needs an SAE"):
        steer(lm, sae, spec, ["a"], max_activation={1: 1.0})
