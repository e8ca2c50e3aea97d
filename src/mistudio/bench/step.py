"""Measure one training step of ours beside other libraries' and beside the bare matrix product.

1. Make synthetic activations and write them where every contender reads them.
2. Start each contender in a process of its own; each takes its warm-up steps alone.
3. In each round each contender takes one step, in the same order; only one process is busy at a time.
4. Compare within rounds, so that what the machine did meanwhile hits both sides.

No latent has been silent for long enough to count as dead in any of the libraries, so that no AuxK loss is computed.

N tokens, D d_in, G directions that the synthetic activations are made of.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.bench.config import StepBenchConfig
from mistudio.bench.machine import load_average, this_machine
from mistudio.bench.peers import PeersEnvironment
from mistudio.bench.result import Ratio, StepBenchResult, Timing
from mistudio.bench.turns import STEPS, Contender, Times, take_turns
from mistudio.errors import BadInput
from mistudio.hardware import cores
from mistudio.progress import Progress, Silent
from mistudio.sae.kernels.choice import encoder_precision


def bench_step(
    config: StepBenchConfig,
    peers: PeersEnvironment | None = None,
    progress: Progress | None = None,
    *,
    activations_ND: Float[Tensor, "N D"] | None = None,
) -> StepBenchResult:
    """Measure the training step.

    Args:
        config: shapes and number of rounds.
        peers: the other libraries; without them only ours and the bare product are measured.
        progress: told the rounds; asked before each step whether to stop.
        activations_ND: whole batches of activations to train on; synthetic ones where not given.

    Raises:
        BadInput: the activations are not `d_in` wide, or fewer than a batch.
        PeerFailed: a contender's process ended before its time.
        Interrupted: `progress` asked to stop.
    """
    progress, threads, load = progress or Silent(), config.threads or cores(), load_average()
    if activations_ND is None:
        activations_ND = synthetic_activations(config)
    whole = activations_ND.shape[0] // config.batch_size * config.batch_size
    if activations_ND.shape[1] != config.d_in or not whole:
        raise BadInput(
            f"Activations of shape {tuple(activations_ND.shape)} hold no batch of {config.batch_size} × {config.d_in}."
        )
    python = Path(sys.executable)
    ours = Contender("miStudio", python, STEPS / "ours_step.py", precision=encoder_precision(torch.device("cpu")))
    limits = [
        Contender(f"{dtype} product alone", python, STEPS / "gemm_step.py", dtype, dtype)
        for dtype in ("bfloat16", "float32")
    ]
    others = [each for each in peers.contenders if each.has(config.arch)] if peers else []
    with tempfile.TemporaryDirectory(prefix="mistudio-bench-") as folder:
        file = Path(folder) / "activations.npy"
        np.save(file, activations_ND[:whole].float().numpy())
        options = config.model_dump() | {"threads": threads, "activations": str(file)}
        times = take_turns([ours, *others, *limits], options, config.rounds, progress)
    timings = [_timing(entry, config.batch_size) for entry in times]
    our_timing, bare = timings[0], timings[1 + len(others) :]
    return StepBenchResult(
        mistudio_version=version("mistudio"),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=this_machine(),
        threads=threads,
        load_before=load,
        config=config,
        ours=our_timing,
        peers=tuple(timings[1 : 1 + len(others)]),
        limits=tuple(bare),
        ratios=tuple(Ratio.between(peer, our_timing) for peer in timings[1 : 1 + len(others)]),
        above_limit=Ratio.between(our_timing, min(bare, key=lambda timing: timing.median_seconds)),
    )


def synthetic_activations(config: StepBenchConfig) -> Float[Tensor, "N D"]:
    """Sparse sums of random directions around a mean, with noise: directions differ in frequency as those of text do.

    Each of the `d_sae` directions is present in a token with a probability that falls with its rank; `k` are present on
    average.
    """
    generator = torch.Generator().manual_seed(config.seed)
    tokens, d_in, directions = config.batches * config.batch_size, config.d_in, config.d_sae
    share_G = torch.arange(1, directions + 1).float().rsqrt()
    share_G = (share_G * config.k / share_G.sum()).clamp_max(1.0)
    direction_GD = torch.randn((directions, d_in), generator=generator) / d_in**0.5
    acts_ND = torch.empty((tokens, d_in))
    for part_PD in torch.split(acts_ND, 1024):  # The dense code of all tokens would be 0.5 GB at the default shape.
        code_PG = torch.rand((part_PD.shape[0], directions), generator=generator) < share_G
        strength_PG = 1 + torch.rand((part_PD.shape[0], directions), generator=generator)
        torch.mm(code_PG * strength_PG, direction_GD, out=part_PD)
    acts_ND += 0.5 * torch.randn(d_in, generator=generator)
    return acts_ND.add_(torch.randn((tokens, d_in), generator=generator), alpha=0.1)


def _timing(times: Times, tokens: int) -> Timing:
    return Timing.of(
        times.contender.name,
        times.turns,
        tokens,
        library=times.library,
        torch=times.torch,
        precision=times.contender.precision,
    )
