"""The other libraries' environment is the one that the repository pins, and steps really run there."""

from __future__ import annotations

from pathlib import Path

import pytest

from mistudio.bench.config import StepBenchConfig
from mistudio.bench.peers import ALONE, LIBRARIES, TORCH, PeersEnvironment
from mistudio.bench.step import bench_step
from mistudio.errors import PeerFailed
from tests.bench.conftest import TINY

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv-peers"


def test_the_versions_are_those_that_the_repository_pins() -> None:
    pins = (ROOT / "constraints-peers.txt").read_text(encoding="utf-8").splitlines()
    assert {TORCH, *LIBRARIES, ALONE} <= set(pins)


def _sparsify_is_there() -> bool:
    return bool(list(PEERS.glob("lib/python*/site-packages/sparsify")))


@pytest.mark.slow
@pytest.mark.skipif(not _sparsify_is_there(), reason="sparsify is not in .venv-peers: run `mistudio bench step` once")
def test_the_peers_take_their_steps() -> None:
    config: StepBenchConfig = TINY.model_copy(update={"rounds": 1})
    result = bench_step(config, PeersEnvironment.ensure(PEERS))
    assert [peer.library for peer in result.peers] == ["sparsify 1.3.3"] * 2 + ["SAELens 6.54.12"] * 2
    assert all(peer.best_seconds > 0 for peer in result.peers)


def test_an_environment_without_python_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PeerFailed, match="could not make an environment") as caught:
        PeersEnvironment.ensure(tmp_path / "file")
    assert "\n" not in caught.value.message
