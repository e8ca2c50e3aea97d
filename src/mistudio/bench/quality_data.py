"""What `bench quality` trains and measures on: a ground truth, or a recording.

Training activations go into one file that every library reads, scaled to a mean norm of √d_in: libraries that don't
normalise get what they were tuned for, and for those that do it changes nothing.

N tokens, B tokens in a batch, D d_in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.activations.parquet import Recorded
from mistudio.artifacts.atomic import new_file
from mistudio.bench.config import QualityBenchConfig
from mistudio.bench.quality_result import Quality
from mistudio.errors import BadInput
from mistudio.evaluation.config import SyntheticConfig
from mistudio.evaluation.metrics import LatentUse, Reconstruction
from mistudio.evaluation.synthetic.ground_truth import GroundTruth
from mistudio.evaluation.synthetic.recovery import recovery
from mistudio.progress import Progress
from mistudio.sae.sparse_autoencoder import SparseAutoencoder

_HELD_OUT_SHARE = 0.1
"""Share of a recording's row groups, the last ones, that is measured on where no recording is given for that."""
_MEASURED_AT_ONCE = 1024
"""Tokens that are encoded at a time."""


class Written(NamedTuple):
    """What a file of training activations holds."""

    rows: int
    d_in: int
    scale: float
    """What they were multiplied with."""


@runtime_checkable
class QualityData(Protocol):
    """Activations to train on, and what an SAE is worth on others."""

    name: str
    """What tables call it."""
    by_mcc: bool
    """Whether a learning rate is chosen by the highest MCC, and not by the lowest FVU."""

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the numbers."""

    def blocks(self) -> Iterator[Float[Tensor, "B D"]]:
        """Training activations, as many as are wanted at most once each."""

    def measure(self, sae: SparseAutoencoder, progress: Progress) -> Quality:
        """What an SAE of raw activations is worth on held-out ones."""


class SyntheticData:
    """A ground truth: every training token is new, and features found are counted."""

    by_mcc = True

    def __init__(self, config: QualityBenchConfig) -> None:
        roots = max(1, config.features // 128)
        self._config = SyntheticConfig(features=config.features, d_in=config.d_in, roots=roots, depth=2)
        self._tokens, self._held_out = config.steps * config.batch_size, config.held_out_tokens
        self._truth: GroundTruth | None = None
        self.name = f"synthetic, {config.features:,} features in {config.d_in} dimensions"

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the numbers."""
        return {"from": "synthetic", **self._config.model_dump(mode="json")}

    def blocks(self) -> Iterator[Float[Tensor, "B D"]]:
        """As many activations as the run has tokens."""
        for number in range(-(-self._tokens // self._config.batch_tokens)):
            yield self._grown().batch(number).acts_BD

    def measure(self, sae: SparseAutoencoder, progress: Progress) -> Quality:
        """Reconstruction and recovery on held-out tokens."""
        found = recovery(sae, self._grown(), tokens=self._held_out, progress=progress)
        return Quality(
            tokens=found.tokens,
            fvu=found.fvu,
            l0=found.l0,
            dead_share=found.dead_share,
            mcc=found.mcc,
            f1=found.f1,
            shrinkage=found.shrinkage,
        )

    def _grown(self) -> GroundTruth:
        self._truth = self._truth or GroundTruth(self._config)
        return self._truth


class RecordedData:
    """A recording, and another one, or its last row groups, to measure on.

    Args:
        train: a recording of one hook point.
        held_out: one of other text.
        config: how many tokens.

    Raises:
        NotFound, FormatUnsupported, ArtifactBroken, BadInput: a path is no recording of one hook point.
        BadInput: they are not of the same hook point and width, or there is too little to hold something out.
    """

    by_mcc = False

    def __init__(self, train: Path, held_out: Path | None, config: QualityBenchConfig) -> None:
        self._train = Recorded.open(train)
        self._held_out = Recorded.open(held_out) if held_out else self._train
        if (self._held_out.hook, self._held_out.d) != (self._train.hook, self._train.d):
            raise BadInput(
                f"{held_out} holds {self._held_out.hook} of {self._held_out.d} dimensions, and {train} "
                f"{self._train.hook} of {self._train.d}.",
                remedy="Record the same hook point of the same model on other text.",
            )
        groups = self._train.n_blocks
        first = groups - max(1, round(_HELD_OUT_SHARE * groups))
        if held_out is None and first < 1:
            raise BadInput(f"{train} is a single row group.", remedy="Give a recording of other text as --held-out.")
        self._trained_on = range(groups if held_out else first)
        self._measured_on = range(self._held_out.n_blocks) if held_out else range(first, groups)
        self._tokens, self._limit = config.steps * config.batch_size, config.held_out_tokens
        self.name = f"{self._train.hook} of {self._train.model_name}"

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the numbers."""
        recordings = (*self._train.artifacts, *self._held_out.artifacts)
        inputs = [artifact.as_input().model_dump(mode="json") for artifact in recordings]
        return {"from": "recording", "inputs": inputs, "hook": self._train.hook, "measured_on": len(self._measured_on)}

    def blocks(self) -> Iterator[Float[Tensor, "B D"]]:
        """The row groups, as long as the run needs tokens."""
        left = self._tokens
        for index in self._trained_on:
            acts_BD = self._train.read_block(index).acts_BD[:left]
            yield acts_BD
            left -= len(acts_BD)
            if left <= 0:
                return

    @torch.inference_mode()
    def measure(self, sae: SparseAutoencoder, progress: Progress) -> Quality:
        """Reconstruction on held-out tokens."""
        reconstruction, use, left = Reconstruction(), LatentUse(sae.d_sae), self._limit
        for index in self._measured_on:
            for acts_BD in torch.split(self._held_out.read_block(index).acts_BD[:left].float(), _MEASURED_AT_ONCE):
                progress.checkpoint()
                code = sae.encode_sparse(acts_BD)
                use.update(code)
                reconstruction.update(acts_BD, sae.decode_sparse(code))
                left -= len(acts_BD)
            if left <= 0:
                break
        return Quality(tokens=use.tokens, fvu=reconstruction.fvu, l0=use.l0, dead_share=use.dead_share)


def write_activations(data: QualityData, file: Path, tokens: int, progress: Progress) -> Written:
    """Write at most `tokens` training activations, scaled, as bare rows of float16.

    Raises:
        DiskFull: they do not fit.
        Interrupted: `progress` asked to stop.
    """
    scale, rows, d_in = 1.0, 0, 0
    with new_file(file) as path, path.open("wb") as opened:
        for acts_BD in data.blocks():
            progress.checkpoint()
            acts_BD = acts_BD[: tokens - rows].float()
            if not rows:
                d_in = acts_BD.shape[1]
                scale = d_in**0.5 / float(acts_BD.norm(dim=-1).mean())
            (acts_BD * scale).half().numpy().tofile(opened)
            rows += len(acts_BD)
            progress.advance("write the activations", rows, tokens)
    return Written(rows, d_in, scale)
