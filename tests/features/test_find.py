from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from mistudio.artifacts.manifest import open_artifact
from mistudio.corpora.tokens import Tokens
from mistudio.errors import ArtifactBroken, BadInput, EmptyCorpus, ShapeError
from mistudio.features.config import FindConfig
from mistudio.features.find import find
from mistudio.features.packed_keys import code_of, value_of
from mistudio.features.pages import Features
from mistudio.features.statistics import NO_TOKEN
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from tests.features.conftest import (
    D_IN,
    DEAD,
    DENSE,
    MemorySource,
    dense_acts,
    make_sae,
    make_source,
    make_tokens,
    open_features,
)


def assert_equals_brute_force(features: Features, sae: SparseAutoencoder, source: MemorySource) -> None:
    acts_PF = dense_acts(sae, source)
    for latent in range(sae.d_sae):
        column = np.nan_to_num(acts_PF[:, latent])
        fired = np.flatnonzero(column > 0)
        coded = code_of(column[fired].astype(np.float32))
        order = np.lexsort((fired, -coded.astype(int)))
        hits = features.latents.hits(latent)
        assert np.array_equal(hits.positions, fired[order])
        assert np.array_equal(hits.values, value_of(coded[order]))


@pytest.mark.parametrize(
    ("contexts_in_block", "shard", "batch"), [(1, 500, 7), (30, 1, 16), (1000, 100, 4096), (3, 1 << 20, 4096)]
)
def test_the_index_equals_brute_force_in_set_and_order_whatever_the_block_and_shard_sizes(
    contexts_in_block: int, shard: int, batch: int, sae: SparseAutoencoder, tokens: Tokens, tmp_path: Path
) -> None:
    source = make_source(tokens, contexts_in_block=contexts_in_block)
    config = FindConfig(shard_activations=shard, batch_tokens=batch)
    find(sae, source, tokens, None, tmp_path / "f", config)
    assert_equals_brute_force(open_features(tmp_path / "f"), sae, source)


def test_keys_that_do_not_fit_in_64_bits_give_the_same_index(
    sae: SparseAutoencoder, source: MemorySource, tokens: Tokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mistudio.features.packed_keys.KeyLayout.of", classmethod(lambda cls, n_latents, n_positions: cls(30, 40))
    )
    find(sae, source, tokens, None, tmp_path / "f", FindConfig(shard_activations=1000))
    assert_equals_brute_force(open_features(tmp_path / "f"), sae, source)


def test_the_token_index_gives_every_tokens_activations(
    features: Features, sae: SparseAutoencoder, source: MemorySource, tokens: Tokens
) -> None:
    acts_PF = np.nan_to_num(dense_acts(sae, source))
    rounded = np.where(acts_PF > 0, value_of(code_of(np.maximum(acts_PF, 1e-6).astype(np.float32))), 0)
    length = tokens.context_length
    assert features.tokens.rows.tolist() == list(range(tokens.n_contexts))
    for latent in (0, DEAD, DENSE, 20):
        for row in range(tokens.n_contexts):
            found = features.tokens.activations(latent, row * length, length)
            assert np.array_equal(found, rounded[row * length : (row + 1) * length, latent])


def test_count_density_maximum_and_mean_are_exact_and_per_token(
    features: Features, sae: SparseAutoencoder, source: MemorySource
) -> None:
    acts_PF = dense_acts(sae, source)[source.kept]
    numbers = features.statistics
    fired = acts_PF > 0
    assert np.array_equal(numbers.count, fired.sum(axis=0))
    assert np.abs(numbers.density - fired.mean(axis=0)).max() < 1e-12
    assert np.array_equal(numbers.max, acts_PF.max(axis=0))
    mean = acts_PF.sum(axis=0) / np.maximum(fired.sum(axis=0), 1)
    assert np.allclose(numbers.mean, mean, rtol=1e-12)


def test_top_tokens_have_the_largest_sums_of_activation(
    features: Features, sae: SparseAutoencoder, source: MemorySource, tokens: Tokens
) -> None:
    acts_PF = np.nan_to_num(dense_acts(sae, source))
    for latent in range(sae.d_sae):
        sums = np.bincount(tokens.flat, acts_PF[:, latent], minlength=tokens.vocab_size)
        expected = np.sort(sums[sums > 0])[::-1][:5]
        found = features.statistics.of(latent)
        assert np.allclose(sums[list(found.top_tokens)], expected, rtol=2e-3)
        assert np.allclose(found.top_token_shares, expected / max(sums.sum(), 1e-9), rtol=2e-3)
        assert len(set(found.top_tokens)) == len(expected)


@pytest.mark.parametrize("shard", [1, 200])
def test_top_tokens_do_not_depend_on_how_many_activations_are_held(
    shard: int, features: Features, sae: SparseAutoencoder, source: MemorySource, tokens: Tokens, tmp_path: Path
) -> None:
    largest = int(features.statistics.count.max())
    find(sae, source, tokens, None, tmp_path / "f", FindConfig(shard_activations=max(shard, largest)))
    assert np.array_equal(open_features(tmp_path / "f").statistics.top_tokens_FN, features.statistics.top_tokens_FN)


def test_documents_are_counted_among_the_32_strongest_activations(
    features: Features, sae: SparseAutoencoder, tokens: Tokens
) -> None:
    for latent in range(sae.d_sae):
        strongest = features.latents.hits(latent, 32).positions
        assert features.statistics.documents[latent] == len(set(tokens.document_of(strongest).tolist()))


def test_histogram_counts_sum_to_the_number_of_activations_and_equal_numpy(features: Features) -> None:
    for latent in range(len(features)):
        page = features.latent(latent)
        values = features.latents.hits(latent).values
        assert len(page.histogram.counts) == 64
        assert page.histogram.counts.sum() == page.statistics.count == len(values)
        if len(values):
            bins = np.clip(np.searchsorted(page.histogram.edges, values) - 1, 0, 63)
            assert np.array_equal(page.histogram.counts, np.bincount(bins, minlength=64))


def test_a_latent_that_never_fires_has_an_empty_page_and_is_named_dead(features: Features) -> None:
    page = features.latent(DEAD)
    assert page.is_dead
    assert page.groups == ()
    assert page.histogram.counts.sum() == 0
    assert page.statistics.top_tokens == ()
    assert (features.statistics.top_tokens_FN[DEAD] == NO_TOKEN).all()
    assert features.artifact.manifest.metrics["latents_dead"] == int((features.statistics.count == 0).sum()) >= 1


def test_a_dense_latent_is_complete(features: Features, source: MemorySource) -> None:
    assert features.statistics.density[DENSE] > 0.9
    assert features.latents.count(DENSE) == features.statistics.count[DENSE]


def test_finding_features_leaves_the_weights_as_they_were(source: MemorySource, tokens: Tokens, tmp_path: Path) -> None:
    sae = make_sae(seed=3)

    def sha256() -> str:
        return hashlib.sha256(b"".join(t.numpy().tobytes() for t in sae.state_dict().values())).hexdigest()

    before = sha256()
    artifact = find(sae, source, tokens, None, tmp_path / "f")
    assert sha256() == before
    assert artifact.manifest.metrics["sae_unchanged"] is True


def test_weights_that_change_while_features_are_found_are_an_error(
    source: MemorySource, tokens: Tokens, tmp_path: Path
) -> None:
    class Meddled(SparseAutoencoder):
        def encode_sparse(self, x_BD: torch.Tensor) -> object:  # type: ignore[override]
            code = super().encode_sparse(x_BD)
            self.b_enc_F[0] += 1
            return code

    sae = make_sae()
    sae.__class__ = Meddled
    with pytest.raises(ArtifactBroken, match="weights changed"):
        find(sae, source, tokens, None, tmp_path / "f")
    assert not (tmp_path / "f").exists()


def test_only_so_many_tokens_are_encoded_as_asked(
    sae: SparseAutoencoder, source: MemorySource, tokens: Tokens, tmp_path: Path
) -> None:
    artifact = find(sae, source, tokens, None, tmp_path / "f", FindConfig(max_tokens=100))
    features = open_features(tmp_path / "f")
    assert artifact.manifest.metrics["tokens"] == 100
    assert int(features.tokens.encoded.sum()) == 100
    assert len(features.tokens.rows) < tokens.n_contexts
    acts_PF = np.nan_to_num(dense_acts(sae, source))
    hits = features.latents.hits(DENSE)
    assert np.allclose(hits.values, acts_PF[hits.positions, DENSE], rtol=1e-3)
    assert all(len(group.contexts) for group in features.contexts(DENSE))


def test_half_precision_activations_are_read_as_float32(sae: SparseAutoencoder, tokens: Tokens, tmp_path: Path) -> None:
    source = make_source(tokens)
    source.acts_PD = source.acts_PD.half()
    find(sae, source, tokens, None, tmp_path / "f")
    source.acts_PD = source.acts_PD.float()
    assert_equals_brute_force(open_features(tmp_path / "f"), sae, source)


def test_the_manifest_names_inputs_options_and_what_was_left_out(
    features: Features, source: MemorySource, tokens: Tokens
) -> None:
    manifest = open_artifact(features.artifact.path, deep=True).manifest
    assert [each.id for each in manifest.inputs] == [tokens.artifact.manifest.id]
    assert manifest.config["filter"] == source.filter.describe()
    assert manifest.config["find"]["batch_tokens"] == 4096
    assert manifest.metrics["tokens"] == source.n_tokens
    assert manifest.metrics["activations"] == features.statistics.count.sum()
    assert not (features.artifact.path / ".work").exists()


def test_a_source_of_another_hook_point_is_refused(sae: SparseAutoencoder, tokens: Tokens, tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"resid_post\.2"):
        find(sae, make_source(tokens, hook="resid_post.2"), tokens, None, tmp_path / "f")


def test_a_source_of_another_width_is_refused(sae: SparseAutoencoder, tokens: Tokens, tmp_path: Path) -> None:
    source = make_source(tokens)
    source.acts_PD = source.acts_PD[:, :-1]
    with pytest.raises(ShapeError, match=str(D_IN - 1)):
        find(sae, source, tokens, None, tmp_path / "f")


def test_activations_of_other_tokens_are_refused(sae: SparseAutoencoder, source: MemorySource, tmp_path: Path) -> None:
    other = make_tokens(tmp_path, ["quite another text " * 500])
    with pytest.raises(BadInput, match="not of these tokens"):
        find(sae, source, other, None, tmp_path / "f")


def test_a_token_that_comes_twice_is_refused(sae: SparseAutoencoder, tokens: Tokens, tmp_path: Path) -> None:
    class Twice(MemorySource):
        def blocks(self, epoch: int, start: int = 0):  # type: ignore[no-untyped-def]
            yield from super().blocks(epoch, start)
            yield next(super().blocks(epoch, 0))

    source = make_source(tokens)
    source.__class__ = Twice
    with pytest.raises(BadInput, match="twice"):
        find(sae, source, tokens, None, tmp_path / "f", FindConfig(max_tokens=None, shard_activations=100))


def test_an_activation_that_is_not_a_number_is_refused(sae: SparseAutoencoder, tokens: Tokens, tmp_path: Path) -> None:
    source = make_source(tokens)
    source.acts_PD[50] = float("nan")
    with pytest.raises(BadInput, match="NaN"):
        find(sae, source, tokens, None, tmp_path / "f")
    assert list(tmp_path.iterdir()) == []


def test_an_sae_that_is_dead_on_the_text_is_refused(source: MemorySource, tokens: Tokens, tmp_path: Path) -> None:
    sae = make_sae()
    sae.b_enc_F[:] = -1e6
    with pytest.raises(EmptyCorpus, match="No latent"):
        find(sae, source, tokens, None, tmp_path / "f")
    assert list(tmp_path.iterdir()) == []


def test_a_source_without_tokens_is_refused(sae: SparseAutoencoder, tokens: Tokens, tmp_path: Path) -> None:
    source = make_source(tokens)
    source.blocks = lambda epoch, start: iter(())  # type: ignore[method-assign]
    with pytest.raises(EmptyCorpus):
        find(sae, source, tokens, None, tmp_path / "f")
