"""One of two processes that train together; `test_parallel.py` starts it with its rank, a folder and what to do."""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from mistudio import hardware
from mistudio.activations.config import StreamConfig
from mistudio.activations.shuffle_buffer import ShuffledStream
from mistudio.errors import Cancelled, RankLost
from mistudio.sae.collective import SINGLE, Mesh, is_divided
from mistudio.sae.config import (
    BatchTopKConfig,
    GatedTrainingConfig,
    JumpReLUTrainingConfig,
    MatryoshkaConfig,
    StandardTrainingConfig,
    TopKConfig,
    TrainableSaeConfig,
)
from mistudio.training.config import TrainConfig
from mistudio.training.parallel import mesh_of_processes
from mistudio.training.run import TrainingRun
from mistudio.training.shared_source import SharedSource
from mistudio.training.starting_point import starting_point
from mistudio.training.train import train
from tests.training.conftest import PlantedSource

_WIDTH: dict[str, Any] = {"k": 3, "d_sae": 67, "aux_k": 8}
SAES: tuple[TrainableSaeConfig, ...] = (
    TopKConfig(**_WIDTH),
    BatchTopKConfig(**_WIDTH),
    MatryoshkaConfig(**_WIDTH),
    JumpReLUTrainingConfig(**_WIDTH),
    GatedTrainingConfig(**_WIDTH),
    StandardTrainingConfig(**_WIDTH, decoder_norm="weighted"),
)
_STEPS = 6
_STOPPED = 10
"""Checkpoints of the progress until a run stops: some of them are passed while the buffer is filled."""


def config_of(sae: TrainableSaeConfig, steps: int = _STEPS) -> TrainConfig:
    return TrainConfig(
        sae=sae, tokens=steps * 256, batch_size=256, buffer_tokens=2048, lr=1e-3, warmup_steps=5, log_every=2,
        checkpoint_every=2, dead_after_tokens=512,
    )  # fmt: skip


class StopOnce:
    """A progress that does something at one of the training steps."""

    def __init__(self, step: int, then: Any) -> None:
        self._left, self._then = step, then

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None: ...

    def checkpoint(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._then()


def tensors_of(run: TrainingRun, mesh: Mesh) -> dict[str, Tensor]:
    """Weights and counters, of all latents."""
    tensors, _ = run.state()
    divided = {name for name in tensors if is_divided(name)}
    whole = {name: torch.cat(mesh.latents.gather(t)) if name in divided else t for name, t in tensors.items()}
    return {name: tensor.double() for name, tensor in whole.items()}


def compare(sae: TrainableSaeConfig, mesh: Mesh) -> dict[str, Any]:
    """Train with the other process and alone, on the same batches; how far the two are apart."""
    config, source = config_of(sae), PlantedSource()
    stream = ShuffledStream(SharedSource(source, mesh.everyone), StreamConfig(buffer_tokens=2048, batch_size=256))
    plain = ShuffledStream(source, StreamConfig(buffer_tokens=2048, batch_size=256))
    start = starting_point(source.sample(1000), "mean")
    together = TrainingRun(config, start, torch.device("cpu"), mesh)
    alone = TrainingRun(config, start, torch.device("cpu"), SINGLE)
    batches_equal = True
    for step in range(_STEPS):
        last = step == _STEPS - 1  # Reports cost time: the processes wait for each other.
        batch, plain_batch = stream.next_batch().acts_BD, plain.next_batch().acts_BD
        batches_equal &= torch.equal(batch, plain_batch)
        ours, theirs = together.step(batch, report=last), alone.step(batch, report=last)
    assert ours is not None
    assert theirs is not None
    reports = [abs(a - b) / max(abs(b), 1e-6) for a, b in zip(ours, theirs, strict=True)]
    whole, single = tensors_of(together, mesh), tensors_of(alone, SINGLE)
    apart = {n: float((whole[n] - t).norm() / t.norm().clamp_min(1e-6)) for n, t in single.items()}
    shared = [t for n, t in together.state()[0].items() if mesh.latents.size == 1 or not is_divided(n)]
    same = all(bool((each == one[None]).all()) for one in shared for each in mesh.everyone.gather(one[None].clone()))
    return {
        "apart": apart, "reports": max(reports), "batches_equal": batches_equal, "same_everywhere": same,
        "auxiliary_loss": ours.auxiliary_loss,
    }  # fmt: skip


def stopped_and_resumed(out: Path, sae: TrainableSaeConfig, mesh: Mesh) -> bool:
    """The second process alone is asked to stop; both stop, and go on to the end."""

    def cancel() -> None:
        raise Cancelled("Stop.")

    progress = StopOnce(_STOPPED if mesh.everyone.rank == 1 else 10_000, cancel)
    try:
        train(PlantedSource(), config_of(sae), out, progress=progress, device="cpu", mesh=mesh)
    except Cancelled:
        train(PlantedSource(), config_of(sae), out, device="cpu", mesh=mesh)
        return True
    return False


def first_launch(folder: Path) -> dict[str, Any]:
    tokens, latents = mesh_of_processes(), mesh_of_processes(latent_shards=2)
    found: dict[str, Any] = {"tokens": {sae.architecture: compare(sae, tokens) for sae in SAES}}
    divisible = [sae for sae in SAES if sae.architecture != "matryoshka"]
    found["latents"] = {sae.architecture: compare(sae, latents) for sae in divisible}
    for name, mesh in (("tokens", tokens), ("latents", latents)):
        sae = BatchTopKConfig(**_WIDTH)
        train(PlantedSource(), config_of(sae), folder / f"{name}-whole", device="cpu", mesh=mesh)
        found[f"{name}-stopped"] = stopped_and_resumed(folder / f"{name}-resumed", sae, mesh)
    if tokens.leads:
        train(PlantedSource(), config_of(BatchTopKConfig(**_WIDTH)), folder / "alone", device="cpu")
    tokens.everyone.total(0)

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    progress = StopOnce(_STOPPED if tokens.everyone.rank == 1 else 10_000, die)
    try:
        train(PlantedSource(), config_of(BatchTopKConfig(**_WIDTH)), folder / "killed", progress=progress,
              device="cpu", mesh=latents)  # fmt: skip
    except RankLost as error:
        found["lost"] = [error.message, error.remedy]
    return found


def second_launch(folder: Path) -> dict[str, Any]:
    latents = mesh_of_processes(latent_shards=2)
    train(PlantedSource(), config_of(BatchTopKConfig(**_WIDTH)), folder / "killed", device="cpu", mesh=latents)
    return {}


if __name__ == "__main__":
    rank, folder, launch = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(1)
    hardware.cpu_multiplies_bfloat16 = lambda: False
    dist.init_process_group(
        "gloo", init_method=f"file://{folder / launch}.store", rank=rank, world_size=2, timeout=timedelta(seconds=120)
    )
    result = {"first": first_launch, "second": second_launch}[launch](folder)
    (folder / f"{launch}-{rank}.json").write_text(json.dumps(result))
    os._exit(0)  # The other process may be dead: nothing is to be taken leave of.
