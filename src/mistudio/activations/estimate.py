"""What running a model over text, and recording it, will need: memory, disk and time, part by part. Imports no torch.

B tokens, D width of a hook point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mistudio.activations.config import TraceConfig
from mistudio.hardware import Estimate, Part, Reached, time_for

PROGRAM = Part("program", 350 << 20, "The process itself: Python, PyTorch and the other libraries.")
_BYTES = {"float16": 2, "float32": 4}
_STREAMS = 24
"""Numbers that a block of the model holds at once, a token and dimension of the residual stream."""
_GROUPS = 10
"""Row groups that are gathered, converted and written, for each hook point."""


@dataclass(frozen=True)
class RunningModel:
    """A language model that runs, up to a layer, over contexts."""

    weights_bytes: int
    """In memory."""
    parameters: int
    d_model: int
    n_layers: int
    layer: int
    """The last one that is run, from 0."""
    batch_tokens: int
    """Tokens of a forward pass."""
    value_bytes: int = 2
    """Of a number in the residual stream."""

    @property
    def flop_per_token(self) -> float:
        """What a token costs on its way to the layer."""
        return 2.0 * self.parameters * min(self.layer + 1, self.n_layers) / self.n_layers

    def parts(self) -> tuple[Part, ...]:
        """What it takes of the memory."""
        streams = _STREAMS * self.batch_tokens * self.d_model * self.value_bytes
        return (
            Part("model", self.weights_bytes, "The language model's weights."),
            Part("forward pass", streams, "Activations of the contexts that run at a time."),
        )


def estimate(
    config: TraceConfig,
    model: RunningModel,
    widths: Mapping[str, int],
    tokens: int,
    *,
    device: str = "cpu",
    reached: Sequence[Reached] = (),
) -> Estimate:
    """What a recording will need.

    Args:
        widths: of the hook points.
        tokens: in the split.
        device: where the model runs: `cpu`, or the name of a GPU.
        reached: how fast earlier recordings were, by the model's `flop_per_token`.
    """
    recorded = min(tokens, config.max_tokens or tokens) // config.shard[1]
    value_bytes = _BYTES[config.dtype]
    held = min(_GROUPS * config.row_group_tokens, recorded)
    rows = held * sum(width * value_bytes + 16 for width in widths.values())
    seconds, basis = time_for(recorded, model.flop_per_token, reached)
    written = Part("row groups", rows, "Rows that are gathered, converted and written.")
    on_gpu = device != "cpu"
    return Estimate(
        memory=(PROGRAM, written) if on_gpu else (PROGRAM, written, *model.parts()),
        device_memory=model.parts() if on_gpu else (),
        disk=tuple(
            Part(hook, recorded * (width * value_bytes + 16), f"Tokens × {width} numbers of {value_bytes} bytes.")
            for hook, width in widths.items()
        ),
        seconds=seconds,
        seconds_basis=basis,
        facts={"tokens": recorded, "tokens_in_the_split": tokens},
    )
