"""A recording holds what the model computes, and says what it leaves out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pydantic import ValidationError

from mistudio.activations.config import TraceConfig
from mistudio.activations.parquet import Recorded
from mistudio.activations.record import trace
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import open_artifact
from mistudio.errors import ArtifactExists, BadInput, EmptyCorpus, HookMissing
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.partial_forward import run_until
from tests.activations.conftest import CONTEXT, HOOK
from tests.tiny_models import tiny_language_model

CONFIG = TraceConfig(hooks=(HOOK,), row_group_tokens=200)


def all_rows(recorded: Recorded) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Activations, ids and positions, sorted by position."""
    blocks = list(recorded.blocks())
    acts = np.concatenate([block.acts_BD.float().numpy() for block in blocks])
    ids = np.concatenate([block.token_ids_B.numpy() for block in blocks])
    positions = np.concatenate([block.positions_B.numpy() for block in blocks])
    order = np.argsort(positions)
    return acts[order], ids[order], positions[order]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 0.0), ("float16", 2e-3)])
def test_recorded_rows_are_the_models_own_activations_at_their_flat_positions(lm, tokens, tmp_path, dtype, tolerance):
    config = CONFIG.model_copy(update={"dtype": dtype, "outlier_multiple": None, "exclude_special": False})
    trace(lm, tokens, config, tmp_path / "a")
    acts, ids, positions = all_rows(Recorded.open(tmp_path / "a"))
    contexts = tokens.contexts(tokens.rows("train"))
    point = HookPoint.parse(HOOK)
    expected = run_until(lm, torch.from_numpy(contexts), [point])[point].flatten(0, 1).numpy()
    assert np.array_equal(positions, np.arange(contexts.size))
    assert np.array_equal(ids, contexts.reshape(-1))
    np.testing.assert_allclose(acts, expected, rtol=tolerance, atol=max(tolerance, 1e-5))


def test_several_hook_points_are_recorded_in_one_pass(lm, tokens, tmp_path):
    hooks = ("resid_pre.0", "mlp_out.2", "attn_z.3")
    config = CONFIG.model_copy(update={"hooks": hooks, "dtype": "float32"})
    trace(lm, tokens, config, tmp_path / "a")
    for hook in hooks:
        one = CONFIG.model_copy(update={"hooks": (hook,), "dtype": "float32"})
        trace(lm, tokens, one, tmp_path / hook)
        together = all_rows(Recorded.open(tmp_path / "a", hook))
        alone = all_rows(Recorded.open(tmp_path / hook))
        assert all(np.array_equal(x, y) for x, y in zip(together, alone, strict=True))


def test_kept_and_excluded_add_up_to_the_tokens_seen(lm, tokens, tmp_path):
    config = CONFIG.model_copy(update={"outlier_multiple": 1.2})
    metrics = trace(lm, tokens, config, tmp_path / "a").manifest.metrics
    one = metrics["hooks"][HOOK]
    assert metrics["tokens_seen"] == len(tokens.rows("train")) * CONTEXT
    assert one["tokens"] + one["excluded_special"] + one["excluded_massive"] == metrics["tokens_seen"]
    assert one["excluded_special"] > 0
    assert one["excluded_massive"] > 0
    assert one["filter"]["multiple"] == 1.2
    assert one["tokens"] == Recorded.open(tmp_path / "a").n_tokens


def test_bos_of_id_0_and_separators_are_not_recorded(lm, tokens, tmp_path):
    trace(lm, tokens, CONFIG, tmp_path / "a")
    _, ids, positions = all_rows(Recorded.open(tmp_path / "a"))
    assert tokens.bos_id == 0
    assert not set(ids.tolist()) & tokens.special_ids
    assert not (positions % CONTEXT == 0).any()


def test_another_pad_id_leaves_the_recording_unchanged(lm, tokens_of, tmp_path):
    contexts = np.random.default_rng(0).integers(5, 320, (20, CONTEXT))
    contexts[:, 0] = 0
    for name, special in (("one", (0, 1, 2)), ("other", (0, 1, 3, 4))):
        trace(lm, tokens_of(contexts, bos_id=0, special_ids=special, name=f"{name}-tokens"), CONFIG, tmp_path / name)
    one, other = all_rows(Recorded.open(tmp_path / "one")), all_rows(Recorded.open(tmp_path / "other"))
    assert all(np.array_equal(x, y) for x, y in zip(one, other, strict=True))


def test_padding_in_the_text_is_not_recorded(lm, tokens_of, tmp_path):
    contexts = np.random.default_rng(0).integers(5, 320, (20, CONTEXT))
    contexts[:, 0] = 0
    whole = tokens_of(contexts, bos_id=0, special_ids=(0, 1, 2), name="whole")
    padded_contexts = contexts.copy()
    padded_contexts[:, 10:] = 2
    padded = tokens_of(padded_contexts, bos_id=0, special_ids=(0, 1, 2), name="padded")
    config = CONFIG.model_copy(update={"outlier_multiple": None, "dtype": "float32"})
    trace(lm, whole, config, tmp_path / "a")
    trace(lm, padded, config, tmp_path / "b")
    acts, _, positions = all_rows(Recorded.open(tmp_path / "a"))
    acts_padded, ids, positions_padded = all_rows(Recorded.open(tmp_path / "b"))
    assert 2 not in ids
    before = positions % CONTEXT < 10
    assert np.array_equal(positions[before], positions_padded)
    np.testing.assert_allclose(acts[before], acts_padded, atol=1e-5)


def test_another_bos_id_leaves_the_recording_unchanged(tokens_of, tmp_path):
    model = tiny_language_model()
    embedding = model.module.get_input_embeddings().weight
    embedding[2] = embedding[0]
    contexts = np.random.default_rng(0).integers(5, 320, (20, CONTEXT))
    for bos in (0, 2):
        contexts[:, 0] = bos
        made = tokens_of(contexts, bos_id=bos, special_ids=(bos,), name=f"tokens-{bos}")
        trace(model, made, CONFIG, tmp_path / str(bos))
    one, other = all_rows(Recorded.open(tmp_path / "0")), all_rows(Recorded.open(tmp_path / "2"))
    assert all(np.array_equal(x, y) for x, y in zip(one, other, strict=True))


def test_a_planted_massive_token_is_not_recorded_and_counted(tokens_of, tmp_path):
    model = tiny_language_model()
    model.module.get_input_embeddings().weight[9] *= 1_000
    contexts = np.random.default_rng(0).integers(10, 320, (20, CONTEXT))
    contexts[:, 0] = 0
    contexts[3, 5] = contexts[11, 15] = 9
    made = trace(model, tokens_of(contexts, bos_id=0, special_ids=(0,)), CONFIG, tmp_path / "a")
    _, ids, _ = all_rows(Recorded.open(tmp_path / "a"))
    assert 9 not in ids
    assert made.manifest.metrics["hooks"][HOOK]["excluded_massive"] == 2


def test_activations_beyond_float16_are_refused_and_float32_holds_them(tokens_of, tmp_path):
    model = tiny_language_model()
    model.module.get_input_embeddings().weight[9] *= 1e6
    contexts = np.random.default_rng(0).integers(9, 320, (20, CONTEXT))
    made = tokens_of(contexts, bos_id=None, special_ids=())
    config = CONFIG.model_copy(update={"outlier_multiple": None})
    with pytest.raises(BadInput, match="float16 ends at 65,504") as refused:
        trace(model, made, config, tmp_path / "a")
    assert "--dtype float32" in refused.value.remedy
    trace(model, made, config.model_copy(update={"dtype": "float32"}), tmp_path / "a")
    acts, _, _ = all_rows(Recorded.open(tmp_path / "a"))
    assert abs(acts).max() > 65_504


def test_a_model_that_gives_nan_is_refused(tokens, tmp_path):
    model = tiny_language_model()
    model.module.get_input_embeddings().weight[5:] = float("nan")
    for multiple in (None, 10.0):
        with pytest.raises(BadInput, match="NaN|median norm"):
            trace(model, tokens, CONFIG.model_copy(update={"outlier_multiple": multiple}), tmp_path / "a")


def test_columns_types_and_metadata_are_as_documented(lm, tokens, tmp_path):
    trace(lm, tokens, CONFIG, tmp_path / "a")
    file = pq.ParquetFile(tmp_path / "a" / HOOK / "part-00000.parquet")
    schema = file.schema_arrow
    assert schema.names == ["doc", "pos", "token_id", "acts"]
    assert [schema.field(name).type for name in schema.names[:3]] == [pa.int32(), pa.int64(), pa.int32()]
    assert schema.field("acts").type.list_size == lm.d_model
    assert schema.field("acts").type.value_type == pa.float16()
    assert b'"dtype": "float16"' in schema.metadata[b"mistudio"]
    assert [file.metadata.row_group(i).num_rows for i in range(2)] == [200, 200]
    table = file.read()
    assert np.array_equal(table["doc"].to_numpy(), tokens.document_of(table["pos"].to_numpy()))


def test_the_manifest_names_model_tokens_and_dtype(lm, tokens, tmp_path):
    manifest = trace(lm, tokens, CONFIG, tmp_path / "a").manifest
    assert manifest.config["model"]["digest"] == lm.digest
    assert manifest.inputs == (tokens.artifact.as_input(),)
    assert manifest.metrics["hooks"][HOOK]["dtype"] == "float16"
    assert open_artifact(tmp_path / "a", Kind.ACTIVATIONS, deep=True).manifest == manifest


def test_held_out_documents_are_recorded_only_when_asked_for(lm, tokens, tmp_path):
    seen = {}
    for split in ("train", "held_out", "all"):
        trace(lm, tokens, CONFIG.model_copy(update={"split": split}), tmp_path / split)
        seen[split] = set((all_rows(Recorded.open(tmp_path / split))[2] // CONTEXT).tolist())
    assert seen["train"] == set(tokens.rows("train"))
    assert seen["held_out"] == set(tokens.rows("held_out"))
    assert seen["all"] == seen["train"] | seen["held_out"]


def test_max_tokens_takes_whole_contexts_from_all_over_the_text(lm, tokens, tmp_path):
    config = CONFIG.model_copy(update={"max_tokens": 10 * CONTEXT - 3})
    metrics = trace(lm, tokens, config, tmp_path / "a").manifest.metrics
    contexts = sorted(set((all_rows(Recorded.open(tmp_path / "a"))[2] // CONTEXT).tolist()))
    assert metrics["tokens_seen"] == 10 * CONTEXT
    assert len(contexts) == 10
    assert contexts[-1] - contexts[0] > len(tokens.rows("train")) // 2


def test_an_output_that_exists_is_not_overwritten(lm, tokens, tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(ArtifactExists):
        trace(lm, tokens, CONFIG, tmp_path / "a")


def test_a_missing_layer_is_refused_before_anything_is_written(lm, tokens, tmp_path):
    with pytest.raises(HookMissing):
        trace(lm, tokens, TraceConfig(hooks=("resid_post.99",)), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_contexts_longer_than_the_model_reads_are_refused(tokens, tmp_path):
    with pytest.raises(BadInput, match=r"contexts of 16, and .* reads at most 8"):
        trace(tiny_language_model(max_position_embeddings=8), tokens, CONFIG, tmp_path / "a")


def test_tokens_of_another_vocabulary_are_refused(tokens, tmp_path):
    with pytest.raises(BadInput, match="knows 100 ids"):
        trace(tiny_language_model(vocab_size=100), tokens, CONFIG, tmp_path / "a")


def test_a_split_without_contexts_is_refused(lm, tokens_of, tmp_path):
    made = tokens_of(np.full((3, CONTEXT), 7), bos_id=None, special_ids=())
    with pytest.raises(EmptyCorpus, match="'held_out'"):
        trace(lm, made, CONFIG.model_copy(update={"split": "held_out"}), tmp_path / "a")


def test_text_of_special_tokens_alone_is_refused(lm, tokens_of, tmp_path):
    made = tokens_of(np.full((3, CONTEXT), 1), bos_id=None, special_ids=(1,))
    with pytest.raises(EmptyCorpus, match="none of the 48 tokens"):
        trace(lm, made, CONFIG.model_copy(update={"outlier_multiple": None}), tmp_path / "a")


@pytest.mark.parametrize("options", [{"shard": (2, 2)}, {"shard": (-1, 2)}, {"hooks": (HOOK, HOOK)}, {"hooks": ()}])
def test_options_that_cannot_work_are_refused(options):
    with pytest.raises(ValidationError):
        TraceConfig(**{"hooks": (HOOK,), **options})


def test_nothing_but_the_artifact_is_left(lm, tokens, tmp_path: Path):
    trace(lm, tokens, CONFIG, tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert sorted(path.name for path in (tmp_path / "a").rglob("*")) == [
        "manifest.json",
        "part-00000.parquet",
        HOOK,
    ]
