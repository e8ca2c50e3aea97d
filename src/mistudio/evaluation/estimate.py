"""What evaluating an SAE will need: memory and time, part by part. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mistudio.activations.estimate import PROGRAM, RunningModel
from mistudio.evaluation.config import EvaluateConfig
from mistudio.hardware import Estimate, Part, Reached, time_for

LOGITS_BYTES = 1 << 28
"""The most that the logits of a forward pass may take; fewer contexts are run at a time otherwise."""
_COPIES = 1.5
"""Of the logits: their softmax is taken in slices."""
_RUNS = 4
"""Forward passes a spliced context: the model's own, with the SAE, with zeros, with the mean."""


@dataclass(frozen=True)
class EvaluatedSae:
    """An SAE, and the text that it is evaluated on."""

    d_in: int
    d_sae: int
    tokens: int
    """In the split."""
    context_length: int
    vocab_size: int
    model: RunningModel


def estimate(
    config: EvaluateConfig, sae: EvaluatedSae, *, device: str = "cpu", reached: Sequence[Reached] = ()
) -> Estimate:
    """What an evaluation will need.

    Args:
        device: where model and SAE run: `cpu`, or the name of a GPU.
        reached: how fast the model ran in earlier recordings, by its `flop_per_token`.
    """
    weights = 4 * (2 * sae.d_in * sae.d_sae + sae.d_in + sae.d_sae)
    batch = config.batch_contexts * sae.context_length
    logits = min(LOGITS_BYTES, batch * sae.vocab_size * sae.model.value_bytes) if config.splice_contexts else 0
    computing = (
        *sae.model.parts(),
        Part("SAE", weights, "Encoder and decoder in float32."),
        Part("encoding", batch * sae.d_sae * 4, "Pre-activations of the contexts that run at a time."),
        Part("logits", int(_COPIES * logits), "Over the vocabulary, where the SAE is spliced in."),
    )
    read = min(sae.tokens, config.max_tokens)
    spliced = _RUNS * min(sae.tokens, config.splice_contexts * sae.context_length)
    whole = replace(sae.model, layer=sae.model.n_layers - 1).flop_per_token
    flop = read * (sae.model.flop_per_token + 2.0 * sae.d_in * sae.d_sae) + spliced * whole
    seconds, basis = time_for(read, flop / max(1, read), reached)
    on_gpu = device != "cpu"
    return Estimate(
        memory=(PROGRAM,) if on_gpu else (PROGRAM, *computing),
        device_memory=computing if on_gpu else (),
        seconds=seconds,
        seconds_basis=basis,
        facts={"tokens": read, "spliced_tokens": spliced // _RUNS},
    )
