"""A stream that was saved goes on with exactly the batches that it would have given."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mistudio.activations.block import ActivationBlock
from mistudio.activations.config import StreamConfig
from mistudio.activations.shuffle_buffer import ShuffledStream
from mistudio.errors import ArtifactBroken, ConfigConflict
from tests.activations.conftest import MemorySource

CONFIG = StreamConfig(buffer_tokens=64, batch_size=8, seed=5)


def equal(one: ActivationBlock, other: ActivationBlock) -> bool:
    return (
        torch.equal(one.acts_BD, other.acts_BD)
        and torch.equal(one.token_ids_B, other.token_ids_B)
        and torch.equal(one.positions_B, other.positions_B)
    )


# 0: nothing drawn; 3: in a block; 10 and 25: where blocks and epochs end; 60: in the third epoch.
@pytest.mark.parametrize("before", [0, 1, 3, 10, 25, 26, 60])
@pytest.mark.parametrize("n_tokens", [200, 203, 30])
def test_a_resumed_stream_is_bit_identical_to_an_uninterrupted_one(tmp_path: Path, before, n_tokens):
    whole = ShuffledStream(MemorySource(n_tokens), CONFIG)
    halves = ShuffledStream(MemorySource(n_tokens), CONFIG)
    for _ in range(before):
        whole.next_batch()
        halves.next_batch()
    halves.save(tmp_path / "stream.safetensors")
    resumed = ShuffledStream(MemorySource(n_tokens), CONFIG)
    resumed.load(tmp_path / "stream.safetensors")
    for _ in range(60):
        assert equal(whole.next_batch(), resumed.next_batch())


def test_a_state_in_memory_is_not_changed_by_later_batches():
    stream = ShuffledStream(MemorySource(200), CONFIG)
    stream.next_batch()
    state = stream.state_dict()
    later = [stream.next_batch() for _ in range(30)]
    resumed = ShuffledStream(MemorySource(200), CONFIG)
    resumed.load_state_dict(state)
    assert all(equal(batch, resumed.next_batch()) for batch in later)


def test_a_stream_can_be_put_back_to_an_earlier_state():
    stream = ShuffledStream(MemorySource(200), CONFIG)
    state = stream.state_dict()
    first = [stream.next_batch() for _ in range(40)]
    stream.load_state_dict(state)
    assert all(equal(batch, stream.next_batch()) for batch in first)


def test_resuming_reads_no_block_before_the_place_in_the_source():
    stream = ShuffledStream(MemorySource(2_000), CONFIG)
    for _ in range(100):
        stream.next_batch()
    source = MemorySource(2_000)
    resumed = ShuffledStream(source, CONFIG)
    resumed.load_state_dict(stream.state_dict())
    resumed.next_batch()
    assert source.fetched[0][1] >= 80


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bit_buffers_are_saved_bit_for_bit(tmp_path: Path, dtype):
    stream = ShuffledStream(MemorySource(200, dtype=dtype), CONFIG)
    stream.next_batch()
    stream.save(tmp_path / "s")
    resumed = ShuffledStream(MemorySource(200, dtype=dtype), CONFIG)
    resumed.load(tmp_path / "s")
    assert equal(stream.next_batch(), resumed.next_batch())


@pytest.mark.parametrize("options", [{"seed": 6}, {"batch_size": 16}, {"buffer_tokens": 128}])
def test_a_state_of_other_options_is_refused(options):
    state = ShuffledStream(MemorySource(200), CONFIG).state_dict()
    with pytest.raises(ConfigConflict):
        ShuffledStream(MemorySource(200), CONFIG.model_copy(update=options)).load_state_dict(state)


def test_a_state_of_another_source_is_refused():
    state = ShuffledStream(MemorySource(200), CONFIG).state_dict()
    with pytest.raises(ConfigConflict):
        ShuffledStream(MemorySource(300), CONFIG).load_state_dict(state)


def test_a_truncated_state_is_refused_by_name(tmp_path: Path):
    stream = ShuffledStream(MemorySource(200), CONFIG)
    stream.next_batch()
    path = tmp_path / "stream.safetensors"
    stream.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ArtifactBroken, match=r"stream\.safetensors"):
        stream.load(path)


def test_a_missing_state_is_refused_by_name(tmp_path: Path):
    with pytest.raises(ArtifactBroken, match="nothing-here"):
        ShuffledStream(MemorySource(200), CONFIG).load(tmp_path / "nothing-here")
