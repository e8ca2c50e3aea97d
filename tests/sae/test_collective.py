"""What several processes select together is what one would; here the processes are threads."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import torch
from torch import Tensor

from mistudio.sae.collective import Mesh, among_the_largest
from mistudio.sae.config import JumpReLUConfig
from mistudio.sae.live_code import LiveCode
from mistudio.sae.native_file import load_sae, save_sae
from mistudio.sae.selection import keep_largest
from mistudio.sae.sharded_file import save_sharded_sae
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights


class _Group:
    def __init__(self, size: int) -> None:
        self.barrier = Barrier(size, timeout=20)
        self.given: list[Any] = [None] * size


class Threads:
    """`Ranks` whose processes are threads."""

    def __init__(self, group: _Group, rank: int) -> None:
        self._group, self.rank, self.size = group, rank, len(group.given)

    def _all(self, own: Any) -> list[Any]:
        self._group.given[self.rank] = own
        self._group.barrier.wait()
        every = list(self._group.given)
        self._group.barrier.wait()
        return every

    def sum(self, tensor: Tensor) -> Tensor:
        return tensor.copy_(torch.stack(self._all(tensor.clone())).sum(0))

    def total(self, number: float) -> float:
        return float(sum(self._all(number)))

    def gather(self, rows: Tensor) -> list[Tensor]:
        return self._all(rows.clone())

    def broadcast(self, tensor: Tensor, source: int = 0) -> Tensor:
        return tensor.copy_(self._all(tensor.clone())[source])


def in_mesh(tokens: int, latents: int, work: Callable[[Mesh], Any]) -> list[Any]:
    """What `work` returns in each of `tokens` × `latents` threads, by rank."""
    by_tokens, by_latents = [_Group(tokens) for _ in range(latents)], [_Group(latents) for _ in range(tokens)]
    everyone = _Group(tokens * latents)

    def run(rank: int) -> Any:
        t, f = divmod(rank, latents)
        return work(Mesh(Threads(by_tokens[f], t), Threads(by_latents[t], f), Threads(everyone, rank)))

    with ThreadPoolExecutor(tokens * latents) as pool:
        return list(pool.map(run, range(tokens * latents)))


def code_of(acts_BF: Tensor) -> LiveCode:
    tokens_N, latents_N = acts_BF.nonzero(as_tuple=True)
    starts_B = torch.nn.functional.pad((acts_BF > 0).sum(-1).cumsum(0), (1, 0))
    return LiveCode(acts_BF[tokens_N, latents_N], latents_N, starts_B)


def dense(code: LiveCode, d_sae: int) -> Tensor:
    return torch.zeros((code.tokens, d_sae)).index_put((code.tokens_N, code.latents_N), code.values_N)


@pytest.mark.parametrize(("tokens", "latents"), [(3, 1), (1, 3), (2, 2)])
@pytest.mark.parametrize("wanted", [1, 29, 60, 10_000])
def test_the_largest_of_a_batch_are_those_of_one_process_ties_included(tokens: int, latents: int, wanted: int) -> None:
    acts_BF = torch.randint(0, 6, (13, 11), generator=torch.Generator().manual_seed(3)).float()
    expected, cut = keep_largest(code_of(acts_BF), wanted)

    def work(mesh: Mesh) -> tuple[Tensor, Tensor, float]:
        share_BF = mesh.rows(acts_BF)[:, mesh.latents_of(11)]
        kept, smallest = keep_largest(code_of(share_BF), wanted, mesh)
        whole_BF = torch.zeros((share_BF.shape[0], 11))
        whole_BF[:, mesh.latents_of(11)] = dense(kept, share_BF.shape[1])
        return mesh.rows(dense(expected, 11)), mesh.latents.sum(whole_BF), smallest

    for theirs_BF, ours_BF, smallest in in_mesh(tokens, latents, work):
        assert torch.equal(ours_BF, theirs_BF)
        assert smallest == cut


def test_the_largest_of_each_token_are_those_of_one_process_ties_included() -> None:
    k = 4
    acts_BF = torch.randint(0, 5, (50, 11), generator=torch.Generator().manual_seed(4)).float()
    order_BF = acts_BF.sort(dim=-1, descending=True, stable=True).indices[:, :k]
    expected_BF = torch.zeros_like(acts_BF).scatter(-1, order_BF, acts_BF.gather(-1, order_BF))

    def work(mesh: Mesh) -> Tensor:
        share_BF = acts_BF[:, mesh.latents_of(11)]
        width = min(k, share_BF.shape[1])
        latents_BK = share_BF.sort(dim=-1, descending=True, stable=True).indices[:, :width].sort(dim=-1).values
        values_BK = share_BF.gather(-1, latents_BK)
        kept_BK = values_BK * among_the_largest(values_BK, k, mesh.latents)
        return torch.zeros_like(share_BF).scatter(-1, latents_BK, kept_BK)

    assert torch.equal(torch.cat(in_mesh(1, 4, work), 1), expected_BF)


def test_shards_are_saved_as_the_file_that_one_process_writes(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(5)
    weights = Weights(
        torch.randn((13, 6), generator=generator), torch.randn(13, generator=generator),
        torch.randn((13, 6), generator=generator), torch.randn(6, generator=generator),
        {"threshold_F": torch.rand(13, generator=generator)},
    )  # fmt: skip
    config, share_F = JumpReLUConfig(d_sae=13), torch.rand(13, generator=generator)
    about: dict[str, Any] = {"hook": "resid_post.1", "model_name": "planted", "metadata": {"training_tokens": 7}}
    (tmp_path / "whole").mkdir()
    (tmp_path / "shards").mkdir()
    save_sae(SparseAutoencoder(config, weights, **about), tmp_path / "whole", firing_share_F=share_F)

    def work(mesh: Mesh) -> None:
        save_sharded_sae(config, mesh.shard(weights), tmp_path / "shards", mesh, **about, firing_share_F=share_F)

    in_mesh(2, 3, work)
    ours, theirs = load_sae(tmp_path / "shards"), load_sae(tmp_path / "whole")
    for name, tensor in theirs.weights.tensors().items():
        assert torch.equal(ours.weights.tensors()[name], tensor), name
    for name in ("cfg.json", "sparsity.safetensors"):
        assert (tmp_path / "shards" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert json.loads((tmp_path / "shards" / "cfg.json").read_text())["d_sae"] == 13
