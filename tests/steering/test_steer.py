import pytest
import torch

from mistudio.errors import BadInput, Cancelled, HookMissing, Interrupted, ShapeError
from mistudio.language_models.generation import end_ids, generate, pad_left
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.hooks import edit, width_of
from mistudio.language_models.partial_forward import run_until
from mistudio.progress import StopSwitch
from mistudio.steering.compare import Comparison
from mistudio.steering.config import Edit, GenerateConfig, SteeringSpec
from mistudio.steering.delta import Delta
from mistudio.steering.row_edits import RowEdits, RowPlan
from mistudio.steering.steer import encode_prompt, steer
from tests.steering.conftest import HOOK, UNITS, random_sae
from tests.tiny_models import tiny_language_model

POINT = HookPoint.parse(HOOK)
PROMPTS = ("the people", "the law of the state shall be held, and")
CONFIG = GenerateConfig(max_new_tokens=12)
ADD = SteeringSpec(hook=HOOK, edits=(Edit(latent=5, strength=2.0),))
CLAMP = SteeringSpec(hook=HOOK, edits=(Edit(latent=9, mode="clamp", strength=2.0), Edit(latent=30, strength=-1.0)))
NOTHING = SteeringSpec(hook=HOOK, edits=(Edit(latent=5, strength=0.0),))


@pytest.fixture(scope="module")
def compared(lm, sae):
    return steer(lm, sae, (ADD, CLAMP, NOTHING), PROMPTS, CONFIG, max_activation=UNITS)


def test_there_is_a_baseline_and_a_row_a_spec_for_each_prompt(compared):
    assert [(row.prompt, row.spec) for row in compared.rows] == [(p, s) for p in (0, 1) for s in (None, 0, 1, 2)]
    assert compared.baseline(1) is compared.rows[4]
    assert compared.steered(1, 1) is compared.rows[6]


def test_steering_changes_the_text(compared):
    for prompt in (0, 1):
        assert compared.steered(prompt, 0).token_ids != compared.baseline(prompt).token_ids
        assert compared.steered(prompt, 1).token_ids != compared.baseline(prompt).token_ids


def test_strength_zero_writes_the_baseline(compared):
    for prompt in (0, 1):
        assert compared.steered(prompt, 2).token_ids == compared.baseline(prompt).token_ids


def test_the_baseline_row_is_what_the_model_writes_without_any_hook(lm, compared):
    batch = pad_left([encode_prompt(lm, prompt, CONFIG) for prompt in PROMPTS], 0)
    new_CT = generate(lm, batch.ids_CT, attention_mask_CT=batch.attention_mask_CT, max_new_tokens=12)
    for prompt, ids in enumerate(new_CT.tolist()):
        assert list(compared.baseline(prompt).token_ids) == ids[: len(compared.baseline(prompt).token_ids)]


def test_rows_and_padding_do_not_influence_each_other(lm, sae, compared):
    for prompt in (0, 1):
        for index, spec in enumerate((ADD, CLAMP)):
            alone = steer(lm, sae, spec, PROMPTS[prompt : prompt + 1], CONFIG, max_activation=UNITS)
            assert alone.steered().token_ids == compared.steered(prompt, index).token_ids
            assert alone.baseline().token_ids == compared.baseline(prompt).token_ids


@pytest.mark.parametrize("spec", [ADD, CLAMP], ids=["add", "clamp"])
def test_without_a_kv_cache_the_same_text_is_written(lm, sae, compared, spec):
    prompts = [encode_prompt(lm, prompt, CONFIG) for prompt in PROMPTS]
    batch = pad_left(prompts, 0)
    plan = RowPlan(sae=sae, deltas=(Delta.of(spec, sae, UNITS),) * 2, untouched_ids=lm.special_ids, end_ids=end_ids(lm))
    edits = RowEdits(plan, batch.ids_CT, batch.attention_mask_CT.bool())
    with edit(lm, POINT, edits):
        new_CT = generate(
            lm,
            batch.ids_CT,
            attention_mask_CT=batch.attention_mask_CT,
            max_new_tokens=12,
            on_step=edits.on_step,
            use_cache=False,
        )
    for prompt, ids in enumerate(new_CT.tolist()):
        row = compared.steered(prompt, (ADD, CLAMP).index(spec))
        assert list(row.token_ids) == ids[: len(row.token_ids)]
        assert int(edits.edited_C[prompt]) == row.tokens_edited


@pytest.mark.parametrize("family", ["gemma2", "gpt2", "gpt_neox", "opt", "falcon_alibi"])
@pytest.mark.parametrize("hook", ["resid_post.1", "mlp_out.2", "attn_z.0"])
def test_every_token_is_steered_in_any_family_and_at_any_hook_point(family, hook):
    lm = tiny_language_model(family)
    sae = random_sae(hook=hook, d_in=width_of(lm, HookPoint.parse(hook)))
    spec = SteeringSpec(hook=hook, edits=CLAMP.edits)
    found = steer(lm, sae, spec, PROMPTS, GenerateConfig(max_new_tokens=4), max_activation=UNITS)
    for prompt in (0, 1):
        row = found.steered(prompt)
        assert row.tokens_edited == sum(index > 2 for index in [*row.prompt_ids, *row.token_ids[:-1]])


def test_the_same_noise_is_used_for_every_row_and_the_seed_decides_it(lm, sae):
    def sampled(seed):
        config = GenerateConfig(max_new_tokens=12, temperature=1.0, seed=seed)
        return steer(lm, sae, (NOTHING, ADD), PROMPTS, config, max_activation=UNITS)

    first, again, other = sampled(1), sampled(1), sampled(2)
    assert first.steered(0, 0).token_ids == first.baseline(0).token_ids
    assert [row.token_ids for row in first.rows] == [row.token_ids for row in again.rows]
    assert first.baseline(0).token_ids != other.baseline(0).token_ids


def test_every_token_but_bos_and_the_last_one_written_is_edited(compared):
    for prompt in (0, 1):
        row = compared.steered(prompt)
        fed = [*row.prompt_ids, *row.token_ids[:-1]]
        assert row.prompt_ids[0] == 0
        assert row.tokens_edited == sum(index > 2 for index in fed)
        assert compared.baseline(prompt).tokens_edited == 0


def edits_of(sae, ids_CT, **options):
    return RowEdits(RowPlan(sae=sae, deltas=(None, Delta.of(ADD, sae, UNITS)), **options), ids_CT, ids_CT != 2)


def test_bos_padding_and_the_baseline_row_are_untouched_bit_for_bit(sae):
    ids_CT = torch.tensor([[2, 0, 7, 8], [2, 0, 7, 8]])
    x_CTD = torch.randn((2, 4, 32), generator=torch.Generator().manual_seed(0))
    edited_CTD = edits_of(sae, ids_CT, untouched_ids=frozenset({0}))(x_CTD)
    assert torch.equal(edited_CTD[0], x_CTD[0])
    assert torch.equal(edited_CTD[1, :2], x_CTD[1, :2])
    torch.testing.assert_close(edited_CTD[1, 2:] - x_CTD[1, 2:], (8.0 + 10 / 96) * sae.W_dec_FD[5].expand(2, -1))


def test_massive_activations_are_left_alone_and_counted(sae):
    ids_CT = torch.full((2, 3), 7)
    x_CTD = torch.ones((2, 3, 32))
    x_CTD[:, 1] *= 1000
    edits = edits_of(sae, ids_CT, max_norm=100.0)
    assert torch.equal(edits(x_CTD)[1, 1], x_CTD[1, 1])
    assert edits.edited_C.tolist() == [0, 2]
    assert edits.massive_C.tolist() == [0, 1]


def test_the_largest_norm_is_taken_from_the_token_filter_of_the_sae(lm):
    trained_with = {"token_filter": {"special_ids": [0], "max_norm": 1e-3}}
    found = steer(lm, random_sae(metadata=trained_with), ADD, PROMPTS, CONFIG, max_activation=UNITS)
    assert found.steered().tokens_edited == 0
    assert found.steered().tokens_massive > 0
    assert found.steered().token_ids == found.baseline().token_ids


def test_what_is_fed_after_the_end_of_a_text_is_not_edited(sae):
    edits = edits_of(sae, torch.full((2, 3), 7), end_ids=frozenset({1}))
    edits(torch.ones((2, 3, 32)))
    for fed in (5, 1, 1):
        edits.on_step(torch.full((2,), fed))
        edits(torch.ones((2, 1, 32)))
    assert edits.edited_C.tolist() == [0, 4]


def test_a_hook_that_misses_a_decoding_step_fails(sae):
    edits = edits_of(sae, torch.full((2, 3), 7))
    edits(torch.ones((2, 3, 32)))
    edits.on_step(torch.full((2,), 7))
    edits.on_step(torch.full((2,), 7))
    with pytest.raises(HookMissing, match="2 of 5"):
        edits(torch.ones((2, 1, 32)))


def test_text_whose_tokens_were_not_all_edited_is_refused(sae):
    edits = edits_of(sae, torch.full((2, 3), 7))
    edits(torch.ones((2, 3, 32)))
    edits.demand([[7, 7, 7], [7, 7, 7]])
    with pytest.raises(HookMissing, match="3 of 4"):
        edits.demand([[7, 7, 7, 7], [7, 7, 7, 7]])


def test_readings_are_the_mean_activations_on_the_written_tokens(lm, sae, compared):
    row = compared.steered(1, 0)
    ids_CT = torch.tensor([[*row.prompt_ids, *row.token_ids]])
    x_BD = run_until(lm, ids_CT, [POINT])[POINT][0, len(row.prompt_ids) :]
    x_BD = x_BD[torch.tensor(row.token_ids) > 2]
    readings = {reading.latent: reading for reading in row.readings}
    assert sorted(readings) == [5, 9, 30]
    assert readings[5].text == pytest.approx(float(sae.encode(x_BD)[:, 5].mean()), rel=1e-4)
    moved_BD = x_BD + 2.0 * UNITS[5] * sae.W_dec_FD[5]
    assert readings[5].steered == pytest.approx(float(sae.encode(moved_BD)[:, 5].mean()), rel=1e-4)
    assert readings[5].steered > readings[5].text
    for reading in compared.baseline(1).readings:
        assert reading.steered == reading.text


def told_of(lm, sae, config):
    steps = []
    found = steer(lm, sae, (ADD, CLAMP), PROMPTS, config, max_activation=UNITS, on_tokens=steps.append)
    return found, steps


def test_the_tokens_told_while_writing_are_those_of_the_rows(lm, sae, compared):
    found, steps = told_of(lm, sae, CONFIG)
    assert [row.token_ids for row in found.rows] == [
        tuple(index for index in row if index is not None) for row in zip(*steps, strict=True)
    ]
    assert found.baseline(1).token_ids == compared.baseline(1).token_ids


def test_a_row_that_has_ended_is_told_of_no_more(sae, compared):
    lm = tiny_language_model()
    end = lm.tokenizer.eos_token_id = compared.baseline(0).token_ids[4]
    found, steps = told_of(lm, sae, CONFIG)
    assert found.baseline(0).token_ids[-1] == end
    assert {len(row.token_ids) for row in found.rows} != {12}
    for row, told in zip(found.rows, zip(*steps, strict=True), strict=True):
        assert told == row.token_ids + (None,) * (len(steps) - len(row.token_ids))


def test_who_is_told_of_the_tokens_may_stop_the_writing(lm, sae):
    steps = []

    def stop_after_three(ids):
        steps.append(ids)
        if len(steps) == 3:
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        steer(lm, sae, ADD, PROMPTS, CONFIG, max_activation=UNITS, on_tokens=stop_after_three)
    assert len(steps) == 3


def test_a_comparison_is_the_same_after_a_trip_through_json(compared):
    assert Comparison.model_validate_json(compared.model_dump_json()) == compared
    assert compared.tokens_per_second > 0
    assert compared.max_activation == {latent: UNITS[latent] for latent in (5, 9, 30)}


def test_what_cannot_be_steered_is_refused_in_a_sentence(lm, sae):
    elsewhere = SteeringSpec(hook="resid_post.2", edits=(Edit(latent=5, strength=1.0),))
    with pytest.raises(BadInput, match=r"resid_post\.2"):
        steer(lm, sae, elsewhere, PROMPTS, CONFIG, max_activation=UNITS)
    with pytest.raises(BadInput, match="nothing to steer"):
        steer(lm, sae, ADD, (), CONFIG, max_activation=UNITS)
    with pytest.raises(ShapeError, match="reads 16"):
        steer(lm, random_sae(d_in=16), ADD, PROMPTS, CONFIG, max_activation=UNITS)
    with pytest.raises(BadInput, match="128 tokens"):
        steer(lm, sae, ADD, PROMPTS, GenerateConfig(max_new_tokens=500), max_activation=UNITS)
    with pytest.raises(BadInput, match="empty"):
        steer(lm, sae, ADD, ("",), GenerateConfig(prepend_bos=False), max_activation=UNITS)
    absent = SteeringSpec(hook="resid_post.99", edits=ADD.edits)
    with pytest.raises(HookMissing, match="99"):
        steer(lm, random_sae(hook="resid_post.99"), absent, PROMPTS, CONFIG, max_activation=UNITS)


def test_steering_can_be_stopped(lm, sae):
    switch = StopSwitch()
    switch.cancel()
    with pytest.raises(Interrupted):
        steer(lm, sae, ADD, PROMPTS, CONFIG, max_activation=UNITS, progress=switch)
