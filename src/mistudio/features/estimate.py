"""What finding features will need: memory, disk and time, part by part. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mistudio.activations.estimate import PROGRAM, RunningModel
from mistudio.features.config import FindConfig
from mistudio.hardware import Estimate, Part, Reached, time_for

_KEY_BYTES = 14
"""Of an activation that is held until its run is written: key, code and latent."""
_COPIES = 2.5
"""Of a run, while it is joined and sorted."""
_INDEX_BYTES = 10
"""Of an activation in the two indexes."""


@dataclass(frozen=True)
class EncodedText:
    """An SAE, and the text that it shall encode."""

    d_in: int
    d_sae: int
    active: float
    """Latents per token, about."""
    tokens: int
    vocab_size: int
    model: RunningModel
    """It is there for the logit lens, also where recordings are read."""
    runs: bool
    """Whether the model runs along."""

    @property
    def flop_per_token(self) -> float:
        """What a token costs."""
        return 2.0 * self.d_in * self.d_sae + (self.model.flop_per_token if self.runs else 0.0)


def estimate(
    config: FindConfig, text: EncodedText, *, device: str = "cpu", reached: Sequence[Reached] = ()
) -> Estimate:
    """What one pass over the text will need.

    Args:
        device: where model and SAE run: `cpu`, or the name of a GPU.
        reached: how fast earlier passes were, by `EncodedText.flop_per_token`.
    """
    tokens = min(text.tokens, config.max_tokens or text.tokens)
    activations = int(tokens * text.active)
    held = min(activations, config.shard_activations)
    seconds, basis = time_for(tokens, text.flop_per_token, reached)
    parts = text.model.parts() if text.runs else text.model.parts()[:1]
    batch = config.batch_tokens * text.d_sae * 4
    lens = config.lens_latents * text.vocab_size * 4 if config.logits else 0
    computing = (
        *parts,
        Part("SAE", 2 * text.d_in * text.d_sae * 4, "Encoder and decoder in float32."),
        Part("encoding", max(batch, lens), "Pre-activations of a batch, or logits of some latents."),
    )
    host = (
        PROGRAM,
        Part(
            "run", int(held * _KEY_BYTES * _COPIES), "Activations that are gathered and sorted before they are written."
        ),
    )
    on_gpu = device != "cpu"
    return Estimate(
        memory=host if on_gpu else (*host, *computing),
        device_memory=computing if on_gpu else (),
        disk=(
            Part("index", activations * _INDEX_BYTES, "Every activation, by latent and by token."),
            Part("runs", activations * _KEY_BYTES, "Sorted runs; removed at the end."),
            Part("logit lens", 16 * config.logits * text.d_sae, "Promoted and suppressed tokens of every latent."),
        ),
        seconds=seconds,
        seconds_basis=basis,
        facts={"tokens": tokens, "activations": activations},
    )
