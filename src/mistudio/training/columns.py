"""Which columns of a source a run takes: one hook point's, or a transcoder's input and target side by side."""

from __future__ import annotations

from collections.abc import Sequence

from mistudio.activations.block import Part
from mistudio.activations.stream import ActivationSource
from mistudio.errors import BadInput
from mistudio.training.config import TrainConfig


def read_part(source: ActivationSource, config: TrainConfig) -> Part:
    """The columns that the encoder of a run reads that has the whole source.

    Raises:
        BadInput: the source holds other hook points than are read and reconstructed.
    """
    if config.sae.target is None:
        return Part(source.hook, 0, source.d_in)
    read = source.parts[0]
    target = config.sae.target_of(read.hook)
    if [part.hook for part in source.parts[1:]] != [target]:
        raise BadInput(
            f"The activations are of {source.hook}, and {target} is to be reconstructed from {read.hook}.",
            remedy=f"Read both hook points, in this order: {read.hook}, {target}.",
        )
    return read


def read_parts(source: ActivationSource, configs: Sequence[TrainConfig]) -> tuple[Part, ...]:
    """The columns that encoders read where several runs share a source: each hook point's, or all those of transcoders.

    Raises:
        BadInput: the runs have not all the same target, or the source holds other hook points than are read and
            reconstructed.
    """
    targets = list(dict.fromkeys(config.sae.target for config in configs))
    if len(targets) > 1:
        named = ", ".join(str(target) for target in targets)
        raise BadInput(
            f"SAEs that are trained together have one target, and these have: {named}.",
            remedy="Give one --target, or train them one after the other.",
        )
    return (read_part(source, configs[0]),) if any(targets) else source.parts


def columns_of(source: ActivationSource, config: TrainConfig, read: Part) -> Part:
    """What a run takes of a batch: what its encoder reads, and a transcoder's target behind it."""
    return read if config.sae.target is None else Part(read.hook, 0, source.d_in)
