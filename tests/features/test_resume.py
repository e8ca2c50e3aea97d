from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mistudio.activations.block import ActivationBlock
from mistudio.corpora.tokens import Tokens
from mistudio.errors import ArtifactExists, Cancelled, ConfigConflict
from mistudio.features.config import FindConfig
from mistudio.features.find import find
from mistudio.progress import StopSwitch
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from tests.features.conftest import MemorySource, make_sae, make_source

CONFIG = FindConfig(shard_activations=1000)


class StopAt(StopSwitch):
    """Asks to stop at the n-th report of a stage."""

    def __init__(self, stage: str, n: int) -> None:
        super().__init__()
        self._stage, self._left = stage, n

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        if stage == self._stage:
            self._left -= 1
            if self._left == 0:
                self.cancel()


class Counting(MemorySource):
    """Notes which blocks were asked for."""

    asked: list[int]

    def blocks(self, epoch: int, start: int = 0) -> Iterator[ActivationBlock]:
        for i, block in enumerate(super().blocks(epoch, start), start):
            self.asked.append(i)
            yield block


def counting(tokens: Tokens) -> Counting:
    source = make_source(tokens)
    source.__class__ = Counting
    assert isinstance(source, Counting)
    source.asked = []
    return source


@pytest.fixture(scope="module")
def whole(sae: SparseAutoencoder, tokens: Tokens, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a search that was never interrupted."""
    out = tmp_path_factory.mktemp("whole") / "f"
    find(sae, make_source(tokens), tokens, None, out, CONFIG)
    return arrays(out)


def arrays(directory: Path) -> dict[str, bytes]:
    paths = [path for path in directory.rglob("*") if path.suffix in (".npy", ".parquet")]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize(
    ("stage", "n"), [("encode", 1), ("encode", 6), ("sort", 1), ("index tokens", 2), ("count tokens", 1)]
)
def test_an_interrupted_search_goes_on_where_it_stopped_and_ends_the_same(
    stage: str, n: int, whole: dict[str, bytes], sae: SparseAutoencoder, tokens: Tokens, tmp_path: Path
) -> None:
    source = counting(tokens)
    with pytest.raises(Cancelled):
        find(sae, source, tokens, None, tmp_path / "f", CONFIG, progress=StopAt(stage, n))
    assert not (tmp_path / "f").exists()
    find(sae, source, tokens, None, tmp_path / "f", CONFIG)
    assert source.asked == list(range(len(source.asked)))
    assert arrays(tmp_path / "f") == whole
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_killed_search_loses_no_more_than_its_last_shard(
    whole: dict[str, bytes], sae: SparseAutoencoder, tokens: Tokens, tmp_path: Path
) -> None:
    class Killed(Counting):
        def blocks(self, epoch: int, start: int = 0) -> Iterator[ActivationBlock]:
            for i, block in enumerate(super().blocks(epoch, start), start):
                if i == 9:
                    raise KeyboardInterrupt
                yield block

    source = counting(tokens)
    source.__class__ = Killed
    with pytest.raises(KeyboardInterrupt):
        find(sae, source, tokens, None, tmp_path / "f", CONFIG)
    assert not (tmp_path / "f").exists()
    source.__class__ = Counting
    source.asked = []
    find(sae, source, tokens, None, tmp_path / "f", CONFIG)
    assert 0 < source.asked[0] <= 9
    assert arrays(tmp_path / "f") == whole


def test_a_search_is_not_taken_up_by_one_of_another_sae_or_other_options(
    sae: SparseAutoencoder, tokens: Tokens, tmp_path: Path
) -> None:
    source = make_source(tokens)
    with pytest.raises(Cancelled):
        find(sae, source, tokens, None, tmp_path / "f", CONFIG, progress=StopAt("encode", 2))
    with pytest.raises(ConfigConflict, match="sae"):
        find(make_sae(seed=9), source, tokens, None, tmp_path / "f", CONFIG)
    with pytest.raises(ConfigConflict, match="config"):
        find(sae, source, tokens, None, tmp_path / "f", FindConfig(shard_activations=1001))


def test_a_directory_that_is_taken_is_refused_and_left_alone(
    sae: SparseAutoencoder, source: MemorySource, tokens: Tokens, tmp_path: Path
) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "mine.txt").write_text("mine")
    with pytest.raises(ArtifactExists):
        find(sae, source, tokens, None, tmp_path / "f")
    assert (tmp_path / "f" / "mine.txt").read_text() == "mine"


def test_progress_reaches_its_total_and_never_goes_back(
    sae: SparseAutoencoder, source: MemorySource, tokens: Tokens, tmp_path: Path
) -> None:
    class Recorder(StopSwitch):
        reports: dict[str, list[tuple[float, float]]] = {}

        def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
            assert total is not None
            self.reports.setdefault(stage, []).append((done, total))

    recorder = Recorder()
    find(sae, source, tokens, None, tmp_path / "f", CONFIG, progress=recorder)
    assert list(recorder.reports) == ["encode", "sort", "index tokens", "count tokens"]
    for reports in recorder.reports.values():
        done = [report[0] for report in reports]
        assert (np.diff(done) >= 0).all()
        assert reports[-1][0] == reports[-1][1]
