"""Recordings are read by row group, one or several shards together, and broken files are named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mistudio.activations.config import TraceConfig
from mistudio.activations.parquet import Recorded
from mistudio.activations.record import trace
from mistudio.activations.stream import RecordedSource
from mistudio.artifacts.manifest import MANIFEST
from mistudio.errors import ArtifactBroken, BadInput, FormatUnsupported, NotFound
from tests.activations.conftest import HOOK
from tests.activations.test_trace import all_rows

CONFIG = TraceConfig(hooks=(HOOK,), row_group_tokens=64)
PART = f"{HOOK}/part-00000.parquet"


@pytest.fixture
def recording(lm, tokens, tmp_path) -> Path:
    trace(lm, tokens, CONFIG, tmp_path / "a")
    return tmp_path / "a"


def test_blocks_can_be_read_in_any_order(recording):
    recorded = Recorded.open(recording)
    forwards = [block.positions_B for block in recorded.blocks()]
    for index in reversed(range(recorded.n_blocks)):
        assert torch.equal(recorded.read_block(index).positions_B, forwards[index])
    assert [len(positions) for positions in forwards[:-1]] == [64] * (recorded.n_blocks - 1)


@pytest.mark.parametrize(("dtype", "torch_dtype"), [("float16", torch.float16), ("float32", torch.float32)])
def test_tensors_are_in_the_format_of_the_disk(lm, tokens, tmp_path, dtype, torch_dtype):
    trace(lm, tokens, CONFIG.model_copy(update={"dtype": dtype}), tmp_path / "a")
    recorded = Recorded.open(tmp_path / "a")
    block = recorded.read_block(0)
    assert block.acts_BD.dtype is torch_dtype
    assert block.acts_BD.shape == (64, lm.d_model)
    assert (recorded.dtype, recorded.d, recorded.hook, recorded.model_name) == (dtype, lm.d_model, HOOK, lm.name)


def test_a_block_outlives_the_recording_that_it_was_read_from(recording):
    recorded = Recorded.open(recording)
    block = recorded.read_block(0)
    before = block.acts_BD.clone()
    for index in range(recorded.n_blocks):
        recorded.read_block(index)
    del recorded
    assert torch.equal(block.acts_BD, before)


def test_a_truncated_file_is_refused_by_name(recording):
    path = recording / PART
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ArtifactBroken, match=r"part-00000\.parquet"):
        Recorded.open(recording)


def test_a_file_that_is_no_parquet_is_refused_by_name(recording):
    path = recording / PART
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(ArtifactBroken, match=r"part-00000\.parquet cannot be read as Parquet"):
        Recorded.open(recording)


def test_a_missing_file_is_refused_by_name(recording):
    (recording / PART).unlink()
    with pytest.raises(ArtifactBroken, match=r"part-00000\.parquet is missing"):
        Recorded.open(recording)


def test_a_row_group_that_was_overwritten_is_refused_by_name(recording):
    recorded = Recorded.open(recording)
    path = recording / PART
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 2] = b"\xff" * (len(content) // 2 - 4)
    path.write_bytes(bytes(content))
    with pytest.raises(ArtifactBroken, match=r"part-00000\.parquet"):
        recorded.read_block(0)


def test_a_changed_value_is_found_when_looked_for(recording):
    path = recording / PART
    content = bytearray(path.read_bytes())
    content[5_000] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ArtifactBroken, match="sha256 differs"):
        Recorded.open(recording, deep=True)


def test_a_manifest_that_promises_more_tokens_is_refused(recording):
    manifest = json.loads((recording / MANIFEST).read_text())
    manifest["metrics"]["hooks"][HOOK]["tokens"] += 1
    (recording / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ArtifactBroken, match="its manifest says"):
        Recorded.open(recording)


def test_a_hook_point_that_was_not_recorded_is_refused_with_those_that_were(recording):
    with pytest.raises(BadInput, match=r"does not hold resid_post\.3") as refused:
        Recorded.open(recording, "resid_post.3")
    assert HOOK in refused.value.remedy


def test_one_of_several_hook_points_must_be_named(lm, tokens, tmp_path):
    trace(lm, tokens, TraceConfig(hooks=(HOOK, "mlp_out.0")), tmp_path / "b")
    with pytest.raises(BadInput, match="several hook points"):
        Recorded.open(tmp_path / "b")
    assert Recorded.open(tmp_path / "b", "mlp_out.0").hook == "mlp_out.0"


def test_what_is_no_recording_is_refused(tokens, tmp_path):
    with pytest.raises(FormatUnsupported):
        Recorded.open(tokens.artifact.path)
    with pytest.raises(NotFound):
        Recorded.open(tmp_path / "nothing")
    with pytest.raises(BadInput):
        Recorded.open([])


def test_shards_together_are_the_whole(lm, tokens, recording, tmp_path):
    for index in range(3):
        made = trace(lm, tokens, CONFIG.model_copy(update={"shard": (index, 3)}), tmp_path / f"{index}")
        contexts = all_rows(Recorded.open(tmp_path / f"{index}"))[2] // tokens.context_length
        assert (contexts % 3 == index).all()
        assert made.manifest.metrics["hooks"][HOOK]["filter"] == Recorded.open(recording).filter.describe()
    shards = RecordedSource([tmp_path / "2", tmp_path / "0", tmp_path / "1"])
    whole = all_rows(Recorded.open(recording))
    together = all_rows(shards.recorded)
    assert shards.n_tokens == len(whole[0])
    assert np.array_equal(whole[1], together[1])
    assert np.array_equal(whole[2], together[2])
    np.testing.assert_allclose(whole[0], together[0], rtol=2e-3, atol=2e-3)


def test_shards_of_max_tokens_together_are_those_tokens(lm, tokens, tmp_path):
    limited = CONFIG.model_copy(update={"max_tokens": 30 * tokens.context_length})
    trace(lm, tokens, limited, tmp_path / "whole")
    for index in range(2):
        trace(lm, tokens, limited.model_copy(update={"shard": (index, 2)}), tmp_path / f"{index}")
    together = Recorded.open([tmp_path / "0", tmp_path / "1"])
    assert np.array_equal(all_rows(together)[2], all_rows(Recorded.open(tmp_path / "whole"))[2])


def test_recordings_that_are_no_shards_of_one_another_are_refused(lm, tokens, recording, tmp_path):
    trace(lm, tokens, CONFIG.model_copy(update={"shard": (0, 2)}), tmp_path / "half")
    with pytest.raises(BadInput, match="not shards of one recording"):
        RecordedSource([recording, tmp_path / "half"])


def test_a_shard_named_twice_is_refused(recording):
    with pytest.raises(BadInput, match="named twice"):
        RecordedSource([recording, recording])
