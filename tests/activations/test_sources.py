"""Both sources give the same tokens, in an order that seed and epoch decide, from any block on."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mistudio.activations.config import StreamConfig, TraceConfig
from mistudio.activations.outliers import TokenFilter
from mistudio.activations.record import trace
from mistudio.activations.shuffle_buffer import ShuffledStream
from mistudio.activations.stream import ActivationSource, ModelSource, RecordedSource
from mistudio.errors import BadInput, EmptyCorpus, HookMissing
from tests.activations.conftest import CONTEXT, HOOK


@pytest.fixture(params=["model", "recording"])
def make_source(request, lm, tokens, tmp_path):
    """Make a source of the same tokens with a seed."""
    if request.param == "recording":
        trace(lm, tokens, TraceConfig(hooks=(HOOK,), row_group_tokens=100, dtype="float32"), tmp_path / "a")

    def make(seed: int = 0) -> ActivationSource:
        if request.param == "recording":
            return RecordedSource(tmp_path / "a", seed=seed)
        return ModelSource(lm, tokens, HOOK, StreamConfig(seed=seed, batch_contexts=5))

    return make


def positions(source: ActivationSource, epoch: int = 0, start: int = 0) -> list[list[int]]:
    return [block.positions_B.tolist() for block in source.blocks(epoch, start)]


def all_positions(source: ActivationSource, epoch: int = 0) -> list[int]:
    return [position for block in positions(source, epoch) for position in block]


def test_an_epoch_can_be_entered_at_any_block(make_source):
    source = make_source()
    whole = list(source.blocks(1))
    for start in (0, 1, 5, len(whole) - 1):
        for block, expected in zip(make_source().blocks(1, start), whole[start:], strict=True):
            assert torch.equal(block.acts_BD, expected.acts_BD)
            assert torch.equal(block.positions_B, expected.positions_B)
    assert list(source.blocks(1, len(whole))) == []


def test_every_epoch_has_all_tokens_in_another_order(make_source):
    source = make_source()
    first, second = all_positions(source, 0), all_positions(source, 1)
    assert first != second
    assert sorted(first) == sorted(second)
    assert len(set(first)) == len(first)


def test_the_seed_decides_the_order(make_source):
    assert positions(make_source(3)) == positions(make_source(3))
    assert positions(make_source(3)) != positions(make_source(4))


def test_model_and_recording_give_the_same_tokens(lm, tokens, tmp_path):
    trace(lm, tokens, TraceConfig(hooks=(HOOK,), dtype="float32"), tmp_path / "a")
    recorded, computed = RecordedSource(tmp_path / "a"), ModelSource(lm, tokens, HOOK)
    assert sorted(all_positions(recorded)) == sorted(all_positions(computed))
    assert recorded.filter == computed.filter
    assert recorded.d_in == computed.d_in == lm.d_model
    assert recorded.model_name == computed.model_name == lm.name


def test_the_number_of_tokens_is_exact_or_close(make_source):
    source = make_source()
    actual = len(all_positions(source))
    assert source.n_tokens == pytest.approx(actual, rel=0.02)
    if isinstance(source, RecordedSource):
        assert source.n_tokens == actual


def test_a_sample_has_the_size_asked_for_or_all_there_is_and_is_repeatable(make_source):
    source = make_source()
    assert source.sample(50).shape == (50, source.d_in)
    assert torch.equal(source.sample(50), make_source().sample(50))
    everything = source.sample(10**6)
    assert len(everything) == len(all_positions(source))


def test_a_sample_of_a_recording_comes_from_many_row_groups(lm, tokens, tmp_path):
    trace(lm, tokens, TraceConfig(hooks=(HOOK,), row_group_tokens=64, dtype="float32"), tmp_path / "a")
    source = RecordedSource(tmp_path / "a")
    rows = {tuple(row): index for index, block in enumerate(source.recorded.blocks()) for row in block.acts_BD.tolist()}
    assert len({rows[tuple(row)] for row in source.sample(60).tolist()}) > 8


def test_identities_are_json_and_tell_streams_apart(lm, tokens, make_source):
    assert json.loads(json.dumps(make_source().identity)) == make_source().identity
    assert make_source(1).identity != make_source(2).identity
    assert [one.id for one in make_source().inputs]
    one = ModelSource(lm, tokens, HOOK)
    for other in (
        ModelSource(lm, tokens, "resid_post.2"),
        ModelSource(lm, tokens, HOOK, split="held_out"),
        ModelSource(lm, tokens, HOOK, StreamConfig(outlier_multiple=5.0)),
        ModelSource(lm, tokens, HOOK, StreamConfig(exclude_special=False)),
    ):
        assert one.identity != other.identity


def test_a_model_source_excludes_special_tokens_unless_told_otherwise(lm, tokens):
    kept = torch.cat([block.token_ids_B for block in ModelSource(lm, tokens, HOOK).blocks(0)])
    assert not set(kept.tolist()) & tokens.special_ids
    config = StreamConfig(exclude_special=False, outlier_multiple=None)
    everything = ModelSource(lm, tokens, HOOK, config)
    ids = torch.cat([block.token_ids_B for block in everything.blocks(0)])
    assert len(ids) == len(tokens.rows("train")) * CONTEXT == everything.n_tokens


def test_blocks_of_a_model_can_be_trained_on(lm, tokens):
    block = next(ModelSource(lm, tokens, HOOK).blocks(0))
    weight = torch.ones(lm.d_model, requires_grad=True)
    (block.acts_BD @ weight).sum().backward()
    assert weight.grad is not None


def test_ids_and_positions_of_a_model_source_are_those_of_the_tokens(lm, tokens):
    for block in ModelSource(lm, tokens, HOOK).blocks(0):
        assert np.array_equal(tokens.flat[block.positions_B.numpy()], block.token_ids_B.numpy())


def test_a_shuffled_stream_of_either_source_resumes_bit_identically(make_source, tmp_path):
    config = StreamConfig(buffer_tokens=300, batch_size=64)
    whole, halves = ShuffledStream(make_source(), config), ShuffledStream(make_source(), config)
    for _ in range(7):
        whole.next_batch()
        halves.next_batch()
    halves.save(tmp_path / "stream")
    resumed = ShuffledStream(make_source(), config)
    resumed.load(tmp_path / "stream")
    for _ in range(40):
        one, other = whole.next_batch(), resumed.next_batch()
        assert torch.equal(one.acts_BD, other.acts_BD)
        assert torch.equal(one.positions_B, other.positions_B)


def test_a_missing_hook_point_an_empty_split_and_a_foreign_vocabulary_are_refused(lm, tokens, tokens_of):
    with pytest.raises(HookMissing):
        ModelSource(lm, tokens, "resid_post.99")
    with pytest.raises(BadInput):
        ModelSource(lm, tokens, "the middle")
    with pytest.raises(EmptyCorpus):
        ModelSource(lm, tokens_of(np.full((2, 8), 5), bos_id=None, special_ids=()), HOOK, split="held_out")


def test_a_given_filter_is_used_as_it_is_and_nothing_is_measured(lm, tokens):
    measured = ModelSource(lm, tokens, HOOK)
    given = TokenFilter(special_ids=tokens.special_ids, max_norm=1e-3, median_norm=1e-4, multiple=10.0)
    source = ModelSource(lm, tokens, HOOK, filter=given)

    assert source.filter == given
    assert sum(len(block.token_ids_B) for block in source.blocks(0)) == 0
    assert source.identity != measured.identity
    assert ModelSource(lm, tokens, HOOK, filter=measured.filter).n_tokens == measured.n_tokens
