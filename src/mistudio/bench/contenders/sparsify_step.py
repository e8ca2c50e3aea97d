"""sparsify's training step on its own SparseCoder: what `Trainer.fit` of version 1.3.3 does with a batch.

Its trainer takes the step inside a hook on a language model, so that its statements are repeated here in their order,
with its defaults: no AuxK, no gradient clipping, schedule-free signum; or Adam. The copy and the masking of the batch
are left out, which is in its favour. Runs in the peers' environment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version as version_of
from typing import Any

import torch
from schedulefree import ScheduleFreeWrapper
from sparsify import SparseCoder, SparseCoderConfig
from sparsify.sign_sgd import SignSGD
from torch import Tensor
from transformers import get_linear_schedule_with_warmup

_WARMUP_STEPS, _STEPS = 1000, 250_000


def version() -> str:
    """The library and its version."""
    return f"sparsify {version_of('eai-sparsify')}"


def build(options: dict[str, Any], batches: Sequence[Tensor]) -> Callable[[Tensor], object]:
    """The function that trains on one batch; `variant` is signum (its default) or adam."""
    torch.set_float32_matmul_precision("high")
    sae = SparseCoder(options["d_in"], SparseCoderConfig(num_latents=options["d_sae"], k=options["k"]))
    sae.b_dec.data = batches[0].mean(0)
    optimizer, scheduler = _optimizer(sae, options["variant"])
    did_fire_F = torch.zeros(sae.num_latents, dtype=torch.bool)
    silent_F = torch.zeros(sae.num_latents, dtype=torch.long)

    def step(batch_BD: Tensor) -> object:
        sae.set_decoder_norm_to_unit_norm()
        total_variance = (batch_BD - batch_BD.mean(0)).pow(2).sum()
        out = sae(x=batch_BD, y=batch_BD, dead_mask=None, total_variance=total_variance)
        did_fire_F[out.latent_indices.flatten()] = True
        fvu = float(out.fvu.detach())
        (out.fvu + 0.0 * out.auxk_loss + out.multi_topk_fvu / 8).div(1).backward()
        sae.remove_gradient_parallel_to_decoder_directions()
        optimizer.step()
        optimizer.zero_grad()
        if scheduler is not None:
            scheduler.step()
        silent_F.add_(batch_BD.shape[0])
        silent_F[did_fire_F] = 0
        did_fire_F.zero_()
        return fvu

    return step


def _optimizer(sae: SparseCoder, variant: str) -> tuple[Any, Any]:
    width = (sae.num_latents / 2**14) ** 0.5
    if variant == "adam":
        adam = torch.optim.Adam(sae.parameters(), lr=2e-4 / width)
        schedule: Any = get_linear_schedule_with_warmup
        return adam, schedule(adam, _WARMUP_STEPS, _STEPS)
    signum = ScheduleFreeWrapper(SignSGD(sae.parameters(), lr=5e-3 / width), momentum=0.95)
    signum.train()
    return signum, None
