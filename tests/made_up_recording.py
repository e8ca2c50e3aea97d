"""A recording of made-up activations: any width, any length, in a second, with no model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mistudio.activations.config import TraceConfig
from mistudio.activations.outliers import TokenFilter
from mistudio.activations.parts import PartWriter
from mistudio.artifacts.atomic import new_directory
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, open_artifact, seal

HOOK = "resid_post.1"


def made_up_recording(
    out: Path, *, d: int = 32, tokens: int = 8192, dtype: str = "float16", row_group_tokens: int = 16_384, seed: int = 0
) -> Artifact:
    """Write sums of three of 3·d/2 fixed directions, as a trace of the hook point `HOOK` would lie on disk."""
    generator = torch.Generator().manual_seed(seed)
    directions_FD = torch.nn.functional.normalize(torch.randn((3 * d // 2, d), generator=generator))
    with new_directory(out) as folder:
        writer = PartWriter(folder / HOOK, d, dtype, row_group_tokens, model="made up", tokens="tokens-made-up")
        for start in range(0, tokens, 4096):
            count = min(4096, tokens - start)
            which_BK = torch.randint(len(directions_FD), (count, 3), generator=generator)
            strength_BK1 = 1 + torch.rand((count, 3, 1), generator=generator)
            acts_BD = (directions_FD[which_BK] * strength_BK1).sum(1) + 0.3
            positions_B = np.arange(start, start + count)
            writer.append(acts_BD, positions_B % 320, positions_B, positions_B // 256)
        writer.finish_part(0)
        writer.abandon()
        config = TraceConfig(hooks=(HOOK,), dtype=dtype, row_group_tokens=row_group_tokens)
        facts = {
            "d": d,
            "dtype": dtype,
            "tokens": tokens,
            "filter": TokenFilter().describe(),
            "excluded_special": 0,
            "excluded_massive": 0,
        }
        identity = {"name": "made-up", "source": "made-up", "digest": f"made-up:{seed}", "dtype": "float32"}
        seal(
            folder,
            Kind.ACTIVATIONS,
            config={**config.model_dump(mode="json"), "model": identity},
            metrics={"tokens_seen": tokens, "hooks": {HOOK: facts}, "seconds": 1.0, "tokens_per_second": tokens},
        )
    return open_artifact(out, Kind.ACTIVATIONS)
