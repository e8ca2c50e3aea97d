"""A source of several hook points holds their activations side by side, of the tokens that all of them keep."""

from __future__ import annotations

import json

import pytest
import torch

from mistudio.activations.block import parts_of
from mistudio.activations.config import StreamConfig, TraceConfig
from mistudio.activations.outliers import TokenFilter
from mistudio.activations.record import trace
from mistudio.activations.shuffle_buffer import ShuffledStream
from mistudio.activations.stream import ActivationSource, ModelSource, RecordedSource
from mistudio.errors import BadInput

HOOKS = ("mlp_in.1", "mlp_out.1", "resid_post.0")
# So near the median that each hook point leaves out other tokens, and that a file holds few contexts.
STRICT = {"outlier_multiple": 1.05}


@pytest.fixture
def recording(lm, tokens, tmp_path):
    config = TraceConfig(
        hooks=HOOKS, dtype="float32", row_group_tokens=37, batch_contexts=3, part_megabytes=1, **STRICT
    )
    trace(lm, tokens, config, tmp_path / "a")
    return tmp_path / "a"


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr("mistudio.activations.record.part_tokens", lambda config, d: 130)


def rows(source: ActivationSource, columns: slice = slice(None)) -> dict[int, torch.Tensor]:
    """Each token's activations by its position."""
    found = {}
    for block in source.blocks(0):
        assert block.acts_BD.shape == (len(block), source.d_in)
        found |= dict(zip(block.positions_B.tolist(), block.acts_BD[:, columns], strict=True))
    return found


def test_parts_stand_side_by_side(lm, tokens):
    source = ModelSource(lm, tokens, HOOKS)
    assert source.parts == parts_of(dict.fromkeys(HOOKS, lm.d_model))
    assert [part.start for part in source.parts] == [0, lm.d_model, 2 * lm.d_model]
    assert source.d_in == 3 * lm.d_model
    assert source.hook == "mlp_in.1+mlp_out.1+resid_post.0"
    assert ModelSource(lm, tokens, HOOKS[0]).parts == parts_of({HOOKS[0]: lm.d_model})


@pytest.mark.parametrize("files", ["one", "several"])
def test_recorded_columns_are_those_of_each_hook_point_alone(request, lm, tokens, files):
    if files == "several":
        request.getfixturevalue("small_parts")
    path = request.getfixturevalue("recording")
    source = RecordedSource(path, HOOKS)
    if files == "several":
        assert len({group.file for group in source.recorded.recorded[0].row_groups}) > 3
    alone = {hook: rows(RecordedSource(path, hook)) for hook in HOOKS}
    common = set.intersection(*map(set, alone.values()))
    assert all(len(common) < len(each) for each in alone.values()), "every hook point keeps other tokens"
    assert source.n_tokens == len(common) == len(rows(source))
    for part in source.parts:
        mine = rows(source, part.columns)
        assert set(mine) == common
        assert all(torch.equal(mine[position], alone[part.hook][position]) for position in common)


def test_recorded_and_live_are_the_same(lm, tokens, recording):
    recorded, live = RecordedSource(recording, HOOKS), ModelSource(lm, tokens, HOOKS, StreamConfig(**STRICT))
    assert recorded.parts == live.parts
    assert recorded.filter == live.filter
    assert recorded.filter.describe() == live.filter.describe()
    from_disk, from_model = rows(recorded), rows(live)
    assert set(from_disk) == set(from_model)
    for position, row in from_disk.items():
        torch.testing.assert_close(row, from_model[position])


def test_live_columns_are_those_of_each_hook_point_alone(lm, tokens):
    source = ModelSource(lm, tokens, HOOKS)
    for part in source.parts:
        alone = rows(ModelSource(lm, tokens, part.hook))
        for position, row in rows(source, part.columns).items():
            assert torch.equal(row, alone[position])


def test_one_hook_point_in_a_list_is_that_hook_point(lm, tokens, recording):
    for one, other in (
        (RecordedSource(recording, [HOOKS[0]]), RecordedSource(recording, HOOKS[0])),
        (ModelSource(lm, tokens, [HOOKS[0]]), ModelSource(lm, tokens, HOOKS[0])),
    ):
        assert one.identity == other.identity
        assert one.filter == other.filter


def test_tokens_ids_and_counts_are_right(lm, tokens, recording):
    recorded = RecordedSource(recording, HOOKS)
    for block in recorded.blocks(0):
        assert torch.equal(torch.from_numpy(tokens.flat[block.positions_B.numpy()].astype("int64")), block.token_ids_B)
    excluded = recorded.excluded
    assert excluded["of_tokens"] == excluded["special"] + excluded["massive"] + recorded.n_tokens
    live = ModelSource(lm, tokens, HOOKS, StreamConfig(**STRICT))
    assert live.n_tokens == pytest.approx(recorded.n_tokens, rel=0.05)
    assert live.excluded["share_of_sample"] == pytest.approx(1 - recorded.n_tokens / excluded["of_tokens"], abs=0.05)


def test_identities_tell_hook_points_and_their_order_apart(lm, tokens, recording):
    for make in (lambda hooks: RecordedSource(recording, hooks), lambda hooks: ModelSource(lm, tokens, hooks)):
        identity = make(HOOKS).identity
        assert json.loads(json.dumps(identity)) == identity
        assert identity != make(HOOKS[:2]).identity != make(HOOKS[1::-1]).identity


def test_given_filters_are_used_by_hook_point(lm, tokens):
    filters = {hook: TokenFilter(special_ids=tokens.special_ids) for hook in HOOKS}
    filters[HOOKS[2]] = TokenFilter(max_norm=1e-9, median_norm=1e-10, multiple=10.0)
    source = ModelSource(lm, tokens, HOOKS, filter=filters)
    assert sum(map(len, source.blocks(0))) == 0
    with pytest.raises(BadInput, match="Filters are given for"):
        ModelSource(lm, tokens, HOOKS, filter=TokenFilter())


def test_a_shuffled_stream_resumes_bit_identically(recording, tmp_path):
    config = StreamConfig(buffer_tokens=200, batch_size=16)
    whole, halves = (ShuffledStream(RecordedSource(recording, HOOKS), config) for _ in range(2))
    for _ in range(5):
        whole.next_batch()
        halves.next_batch()
    halves.save(tmp_path / "stream")
    resumed = ShuffledStream(RecordedSource(recording, HOOKS), config)
    resumed.load(tmp_path / "stream")
    for _ in range(20):
        assert torch.equal(whole.next_batch().acts_BD, resumed.next_batch().acts_BD)


def test_a_sample_is_as_wide_as_all_of_them(recording):
    source = RecordedSource(recording, HOOKS)
    assert source.sample(20).shape == (20, source.d_in)
    assert len(source.sample(10**6)) == source.n_tokens


def test_hook_points_named_twice_not_at_all_or_not_recorded_are_refused(lm, tokens, recording):
    for make in (lambda hooks: RecordedSource(recording, hooks), lambda hooks: ModelSource(lm, tokens, hooks)):
        with pytest.raises(BadInput, match="named twice"):
            make(["mlp_in.1", "mlp_in.1"])
        with pytest.raises(BadInput, match="No hook point is named"):
            make([])
    with pytest.raises(BadInput, match=r"does not hold mlp_out\.0"):
        RecordedSource(recording, ["mlp_in.1", "mlp_out.0"])
