"""The shuffled stream: every token once an epoch, in a random order, in bounded memory."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from mistudio.activations.config import StreamConfig
from mistudio.activations.shuffle_buffer import ShuffledStream
from mistudio.errors import EmptyCorpus, Interrupted
from mistudio.progress import StopSwitch
from tests.activations.conftest import MemorySource


def stream_of(source: MemorySource, **options: Any) -> ShuffledStream:
    return ShuffledStream(source, StreamConfig(**{"buffer_tokens": 64, "batch_size": 8, **options}))


def positions(stream: ShuffledStream, batches: int) -> list[int]:
    return [p for _ in range(batches) for p in stream.next_batch().positions_B.tolist()]


def test_every_token_is_used_exactly_once_an_epoch():
    stream = stream_of(MemorySource(200))
    for _ in range(3):
        assert sorted(positions(stream, 25)) == list(range(200))


def test_epochs_that_are_no_multiple_of_the_batch_lose_and_repeat_nothing():
    stream = stream_of(MemorySource(203))
    drawn = Counter(positions(stream, 203))
    assert drawn == Counter(dict.fromkeys(range(203), 8))


def test_two_epochs_mix_only_in_the_batch_at_the_turn():
    stream = stream_of(MemorySource(203))
    first = positions(stream, 25)
    assert len(set(first)) == 200
    turn = stream.next_batch().positions_B.tolist()
    assert set(range(203)) - set(first) <= set(turn) | set(positions(stream, 25))


def test_a_batch_holds_distinct_tokens_and_has_the_size_asked_for():
    stream = stream_of(MemorySource(500))
    for _ in range(50):
        batch = stream.next_batch()
        assert len(batch) == len(set(batch.positions_B.tolist())) == 8


def test_activation_id_and_position_of_a_token_stay_together():
    stream = stream_of(MemorySource(300))
    for _ in range(80):
        batch = stream.next_batch()
        assert torch.equal(batch.token_ids_B, batch.positions_B * 7)
        assert torch.equal(batch.acts_BD, batch.positions_B[:, None].float().expand(8, 3))


def test_batches_mix_the_whole_buffer():
    stream = stream_of(MemorySource(10_000, block=100), buffer_tokens=2_000, batch_size=100)
    batch = stream.next_batch()
    blocks = {int(fetched) for _, fetched in stream.source.fetched}
    order = torch.cat([block.positions_B for block in MemorySource(10_000, block=100).blocks(0)])
    block_of = {int(p): index // 100 for index, p in enumerate(order)}
    assert len(blocks) == 20
    assert len({block_of[p] for p in batch.positions_B.tolist()}) >= 18


def test_the_buffer_stays_full_until_the_epoch_ends():
    source = MemorySource(1_000, block=10)
    stream = stream_of(source, buffer_tokens=100, batch_size=20)
    for batch in range(1, 40):
        stream.next_batch()
        assert len(source.fetched) == min(10 + 2 * (batch - 1), 100)


def test_the_same_seed_gives_the_same_batches_and_another_seed_others():
    assert positions(stream_of(MemorySource(200), seed=3), 40) == positions(stream_of(MemorySource(200), seed=3), 40)
    assert positions(stream_of(MemorySource(200), seed=3), 5) != positions(stream_of(MemorySource(200), seed=4), 5)


def test_the_second_epoch_has_another_order():
    stream = stream_of(MemorySource(200))
    assert positions(stream, 25) != positions(stream, 25)


def test_a_corpus_smaller_than_the_buffer_works():
    stream = stream_of(MemorySource(30), buffer_tokens=10_000, batch_size=10)
    assert sorted(positions(stream, 6)) == sorted([*range(30)] * 2)
    assert stream.state_dict().facts["capacity"] == 30


def test_an_epoch_that_is_exactly_a_batch_works():
    stream = stream_of(MemorySource(8))
    assert sorted(positions(stream, 3)) == sorted([*range(8)] * 3)


def test_fewer_tokens_than_a_batch_are_refused():
    with pytest.raises(EmptyCorpus, match="An epoch has 7 tokens after the filter, fewer than a batch of 8"):
        stream_of(MemorySource(7)).next_batch()


def test_a_source_without_any_token_is_refused():
    with pytest.raises(EmptyCorpus, match="An epoch has 0 tokens"):
        stream_of(MemorySource(0)).next_batch()


def test_a_buffer_smaller_than_a_batch_is_refused():
    with pytest.raises(ValidationError, match="buffer_tokens 4 must be at least batch_size 8"):
        StreamConfig(buffer_tokens=4, batch_size=8)


@pytest.mark.parametrize("estimate", [1, 40, 100, 5_000])
def test_a_source_that_misjudges_its_size_loses_nothing(estimate):
    stream = stream_of(MemorySource(100, estimate=estimate), buffer_tokens=1_000)
    assert sorted(positions(stream, 25)) == sorted([*range(100)] * 2)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_batches_keep_the_number_format_of_the_source(dtype):
    batch = stream_of(MemorySource(100, dtype=dtype)).next_batch()
    assert batch.acts_BD.dtype is dtype


def test_a_batch_is_a_copy_that_can_be_trained_on():
    stream = stream_of(MemorySource(100))
    batch = stream.next_batch()
    before = stream.state_dict().tensors["acts"]
    batch.acts_BD.requires_grad_().sum().backward()
    with torch.no_grad():
        batch.acts_BD.zero_()
    assert torch.equal(stream.state_dict().tensors["acts"], before)


def test_filling_the_buffer_can_be_stopped_and_goes_on_without_loss():
    switch = StopSwitch()
    stream = ShuffledStream(MemorySource(200), StreamConfig(buffer_tokens=64, batch_size=8), progress=switch)
    switch.cancel()
    with pytest.raises(Interrupted):
        stream.next_batch()
    stream._progress = StopSwitch()
    assert positions(stream, 25) == positions(stream_of(MemorySource(200)), 25)
