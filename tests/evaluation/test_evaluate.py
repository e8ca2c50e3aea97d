import pytest
import torch

from mistudio.activations.outliers import TokenFilter
from mistudio.errors import ArtifactBroken, BadInput, EmptyCorpus, HookMissing, Interrupted, ShapeError
from mistudio.evaluation.config import EvaluateConfig
from mistudio.evaluation.definitions import METRICS
from mistudio.evaluation.evaluate import evaluate, spread
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.partial_forward import run_until
from mistudio.progress import StopSwitch
from tests.evaluation.conftest import HOOK, D, identity_sae, random_sae, sae_of, write_tokens, zero_sae
from tests.tiny_models import tiny_language_model

POINT = HookPoint.parse(HOOK)


def held_out_activations(lm, tokens):
    ids_CT = torch.from_numpy(tokens.contexts(tokens.rows("held_out")))
    return ids_CT, run_until(lm, ids_CT, [POINT])[POINT]


def test_an_identity_sae_loses_nothing(lm, tokens):
    found = evaluate(identity_sae(), lm, tokens)
    assert found.fvu == 0.0
    assert found.ce_spliced == found.ce_model
    assert found.kl == 0.0
    assert found.loss_recovered_zero == 1.0
    assert found.loss_recovered_mean == 1.0


@pytest.mark.parametrize("family", ["gemma2", "gpt2", "gpt_neox", "opt", "falcon_alibi"])
def test_an_identity_sae_loses_nothing_in_any_family(tokens, family):
    config = EvaluateConfig(max_tokens=48, splice_contexts=2)
    found = evaluate(identity_sae(hook="mlp_out.2"), tiny_language_model(family), tokens, config)
    assert found.ce_spliced == found.ce_model
    assert found.ce_zero != found.ce_model
    assert found.kl == 0.0


def test_a_zero_sae_recovers_nothing_against_zero_ablation(lm, tokens):
    found = evaluate(zero_sae(), lm, tokens)
    assert found.ce_spliced == found.ce_zero
    assert found.loss_recovered_zero == 0.0
    assert found.kl > 0.1


def test_an_sae_that_answers_the_mean_has_fvu_one_and_recovers_nothing_against_mean_ablation(lm, tokens):
    _, x_CTD = held_out_activations(lm, tokens)
    ids_CT, _ = held_out_activations(lm, tokens)
    mean_D = x_CTD[ids_CT > 2].double().mean(0).float()
    found = evaluate(sae_of(torch.eye(D), torch.zeros(D, D), 4, b_dec_D=mean_D), lm, tokens)
    assert found.fvu == pytest.approx(1.0, abs=1e-6)
    assert found.loss_recovered_mean == pytest.approx(0.0, abs=1e-5)


def test_the_numbers_are_those_of_the_held_out_text_computed_by_hand(lm, tokens):
    sae = random_sae()
    found = evaluate(sae, lm, tokens, EvaluateConfig(batch_contexts=7))
    ids_CT, x_CTD = held_out_activations(lm, tokens)
    x_BD = x_CTD[ids_CT > 2].double()
    acts_BF = sae.encode(x_BD.float())
    error_BD = x_BD - sae.decode(acts_BF).double()
    assert found.fvu == pytest.approx(float(error_BD.square().sum() / (x_BD - x_BD.mean(0)).square().sum()), rel=1e-6)
    assert found.l0 == pytest.approx(float((acts_BF > 0).sum(1).double().mean()))
    assert found.dead_share == pytest.approx(float((acts_BF > 0).sum(0).eq(0).double().mean()))
    assert found.tokens == len(x_BD)
    with torch.inference_mode():
        log_p = lm.module(input_ids=ids_CT).logits[:, :-1].double().log_softmax(-1)
    expected = -log_p.gather(-1, ids_CT[:, 1:, None]).mean()
    assert found.ce_model == pytest.approx(float(expected), rel=1e-6)
    assert found.predictions == ids_CT[:, 1:].numel()


def test_a_partial_reconstruction_lies_between_the_model_and_the_ablation(lm, tokens):
    found = evaluate(random_sae(), lm, tokens)
    assert found.ce_model < found.ce_spliced < found.ce_zero
    assert 0 < found.loss_recovered_zero < 1
    assert found.ce_increase == pytest.approx(found.ce_spliced - found.ce_model)


def test_every_number_lies_in_its_range(lm, tokens):
    found = evaluate(random_sae(), lm, tokens, against=random_sae())
    no_single_numbers = {"window_dead_share", "density_histogram", "decoder_cosine_quantiles"}
    assert set(found.numbers()) == set(METRICS) - no_single_numbers
    for name, value in found.numbers().items():
        low, high = METRICS[name].range
        assert low <= value <= high
    assert sum(found.density_histogram.counts) + found.density_histogram.never == random_sae().d_sae
    assert found.density_histogram.never == round(found.dead_share * random_sae().d_sae)


def test_the_batch_size_changes_no_number(lm, tokens):
    one, many = (evaluate(random_sae(), lm, tokens, EvaluateConfig(batch_contexts=size)).numbers() for size in (1, 16))
    assert one == pytest.approx(many, rel=1e-5)


def test_bos_is_never_evaluated_and_massive_tokens_are_counted(lm, tokens):
    ids_CT, x_CTD = held_out_activations(lm, tokens)
    norms = x_CTD.norm(dim=-1)[ids_CT > 2]
    limit = float(norms.quantile(0.9))
    found = evaluate(random_sae(), lm, tokens, filter=TokenFilter(tokens.special_ids, limit, limit / 10, 10.0))
    assert found.excluded.special == int((ids_CT <= 2).sum())
    assert found.excluded.massive == int((norms > limit).sum())
    assert found.tokens + found.excluded.special + found.excluded.massive == found.tokens_read == ids_CT.numel()
    assert found.excluded.rule["max_norm"] == limit
    assert found.excluded.kept_in_splice == found.excluded.special + found.excluded.massive


def test_without_a_filter_the_one_that_the_sae_was_trained_with_is_used(lm, tokens):
    trained_with = TokenFilter(tokens.special_ids, 4.0, 0.4, 10.0)
    found = evaluate(identity_sae(metadata={"token_filter": trained_with.describe()}), lm, tokens)
    assert found.excluded.rule == trained_with.describe()
    assert found.excluded.massive > 0


def test_the_training_text_is_not_what_the_default_evaluates(lm, written, tokens, tmp_path):
    changed = written.clone()
    changed[:10, 1:] = 7
    same_held_out = write_tokens(tmp_path / "tokens", changed, held_out=30)
    assert evaluate(random_sae(), lm, same_held_out).numbers() == evaluate(random_sae(), lm, tokens).numbers()


def test_max_tokens_and_splice_contexts_bound_the_work(lm, tokens):
    found = evaluate(random_sae(), lm, tokens, EvaluateConfig(max_tokens=100, splice_contexts=3))
    assert found.tokens_read == 5 * 24
    assert found.predictions == 3 * 23


def test_no_splice_contexts_leave_the_cross_entropies_out(lm, tokens):
    found = evaluate(random_sae(), lm, tokens, EvaluateConfig(splice_contexts=0))
    assert found.ce_model is None
    assert found.kl is None
    assert found.fvu > 0


@pytest.mark.parametrize("wanted", [1, 3, 7, 10, 99])
def test_contexts_are_spread_over_the_whole_split(wanted):
    chosen = spread(range(100, 110), wanted)
    assert len(set(chosen)) == min(wanted, 10)
    assert chosen == sorted(chosen)
    assert (chosen[0] - 100) - (109 - chosen[-1]) in (-1, 0, 1)


def test_an_empty_split_is_refused(lm, written, tmp_path):
    nothing_held_out = write_tokens(tmp_path / "tokens", written, held_out=0)
    with pytest.raises(EmptyCorpus, match="held_out"):
        evaluate(random_sae(), lm, nothing_held_out)


def test_a_filter_that_keeps_nothing_is_refused(lm, tokens):
    with pytest.raises(EmptyCorpus, match="excludes all"):
        evaluate(random_sae(), lm, tokens, filter=TokenFilter(tokens.special_ids, 1e-6, 1e-7, 10.0))


def test_an_sae_of_another_width_or_layer_is_refused(lm, tokens):
    with pytest.raises(ShapeError, match="reads 16"):
        evaluate(sae_of(torch.eye(16), torch.eye(16), 4), lm, tokens)
    with pytest.raises(HookMissing, match="99"):
        evaluate(identity_sae(hook="resid_post.99"), lm, tokens)


def test_tokens_of_a_larger_vocabulary_are_refused(lm, tokens):
    with pytest.raises(BadInput, match="319"):
        evaluate(random_sae(), tiny_language_model(vocab_size=300), tokens)


def test_an_sae_that_answers_nan_is_refused(lm, tokens):
    with pytest.raises(ArtifactBroken, match="not a finite number"):
        evaluate(sae_of(torch.eye(D), torch.full((D, D), torch.inf), 4), lm, tokens)


def test_an_evaluation_can_be_stopped(lm, tokens):
    switch = StopSwitch()
    switch.cancel()
    with pytest.raises(Interrupted):
        evaluate(random_sae(), lm, tokens, progress=switch)


def test_where_nothing_says_what_was_left_out_massive_tokens_are_and_the_result_says_so(lm, tokens):
    rule = evaluate(random_sae(), lm, tokens).excluded.rule

    assert rule["multiple"] == 10.0
    assert rule["special_ids"] == sorted(tokens.special_ids)
    assert "10 × the median norm" in rule["rule"]
