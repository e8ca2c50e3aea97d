import pytest
import torch

from mistudio.errors import BadInput
from mistudio.language_models.generation import generate, pad_left
from tests.tiny_models import FAMILIES, tiny_ids, tiny_language_model, tiny_tokenizer


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_tokens_are_those_of_transformers(family):
    lm, ids = tiny_language_model(family), tiny_ids(3, 9)
    expected = lm.module.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, pad_token_id=1
    )[:, 9:]
    assert torch.equal(generate(lm, ids, max_new_tokens=12), expected)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_cache_changes_no_token(family, temperature):
    lm, ids = tiny_language_model(family), tiny_ids(2, 12)
    options = {"max_new_tokens": 8, "temperature": temperature, "seed": 3}
    assert torch.equal(generate(lm, ids, **options), generate(lm, ids, use_cache=False, **options))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prompt_gets_the_same_continuation_alone_and_padded_beside_a_longer_one(family):
    lm = tiny_language_model(family)
    short, long = tiny_ids(1, 5, seed=1)[0].tolist(), tiny_ids(1, 11, seed=2)[0].tolist()
    together = pad_left([short, long], pad_id=2)
    both = generate(lm, together.ids_CT, attention_mask_CT=together.attention_mask_CT, max_new_tokens=6)
    for row, prompt in enumerate((short, long)):
        alone = generate(lm, torch.tensor([prompt]), max_new_tokens=6)
        assert torch.equal(both[row, : alone.shape[1]], alone[0])


def test_rows_with_the_same_prompt_get_the_same_samples(lm):
    ids = tiny_ids(1, 6).repeat(4, 1)
    sampled = generate(lm, ids, max_new_tokens=10, temperature=1.5, top_p=0.9, seed=7)
    assert (sampled == sampled[0]).all()


def test_the_seed_decides_the_sample(lm):
    ids = tiny_ids(1, 6)
    one, same, other = (generate(lm, ids, max_new_tokens=10, temperature=1.0, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_sampling_follows_the_models_distribution(lm):
    ids = tiny_ids(1, 6)
    with torch.inference_mode():
        probabilities = lm.module(ids).logits[0, -1].softmax(-1)
    drawn = torch.stack([generate(lm, ids, max_new_tokens=1, temperature=1.0, seed=seed)[0, 0] for seed in range(400)])
    likely = probabilities.topk(10).indices
    share = torch.isin(drawn, likely).float().mean()
    expected = probabilities[likely].sum()
    assert abs(share - expected) < 4 * (expected * (1 - expected) / 400).sqrt()


def test_a_tiny_top_p_takes_the_likeliest_token(lm):
    ids = tiny_ids(2, 6)
    greedy = generate(lm, ids, max_new_tokens=5)
    assert torch.equal(generate(lm, ids, max_new_tokens=5, temperature=1.0, top_p=1e-9), greedy)


def test_the_loop_stops_when_all_rows_have_ended():
    lm = tiny_language_model("gpt2")
    lm.module.get_output_embeddings().weight.zero_()
    lm.module.generation_config.eos_token_id = [0]
    assert generate(lm, tiny_ids(2, 4), max_new_tokens=9).shape == (2, 1)


def test_a_row_that_ended_is_filled_with_eos_while_the_others_go_on():
    lm = tiny_language_model()
    prompts = torch.cat([tiny_ids(1, 6, seed=1), tiny_ids(1, 6, seed=2)])
    options = {"max_new_tokens": 6, "temperature": 1.0, "seed": 4}
    free = generate(lm, prompts, **options)
    end = next(token for token in free[0].tolist()[1:] if token not in free[1].tolist())
    lm.module.generation_config.eos_token_id = end
    stop = free[0].tolist().index(end) + 1
    ended = generate(lm, prompts, **options)
    assert ended[0].tolist() == free[0, :stop].tolist() + [1] * (6 - stop)
    assert torch.equal(ended[1], free[1])


def test_each_step_is_told(lm):
    steps: list[torch.Tensor] = []
    written = generate(lm, tiny_ids(2, 4), max_new_tokens=5, on_step=steps.append)
    assert torch.equal(torch.stack(steps, dim=1), written)


@pytest.mark.parametrize(
    "options",
    [{"max_new_tokens": 0}, {"temperature": -1.0}, {"temperature": float("nan")}, {"top_p": 0.0}, {"top_p": 1.5}],
)
def test_options_out_of_range_are_refused(lm, options):
    with pytest.raises(BadInput):
        generate(lm, tiny_ids(1, 4), **{"max_new_tokens": 2, **options})


def test_right_padding_is_refused(lm):
    with pytest.raises(BadInput, match="padded on the right"):
        generate(lm, tiny_ids(1, 4), attention_mask_CT=torch.tensor([[1, 1, 1, 0]]), max_new_tokens=2)


def test_more_tokens_than_the_context_holds_are_refused(lm):
    with pytest.raises(BadInput, match="made for 128 tokens, and 130"):
        generate(lm, tiny_ids(1, 100), max_new_tokens=30)


def test_an_empty_prompt_is_refused():
    with pytest.raises(BadInput, match="no tokens"):
        pad_left([[1], []], pad_id=2)


def test_prompts_are_padded_on_the_left():
    ids = [tiny_tokenizer()("the nation").input_ids, [5]]
    prompts = pad_left(ids, pad_id=2)
    assert prompts.ids_CT[1].tolist() == [2] * (len(ids[0]) - 1) + [5]
    assert prompts.attention_mask_CT.sum(dim=1).tolist() == [len(ids[0]), 1]
