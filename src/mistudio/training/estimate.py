"""What a training run will need: memory, disk and time, part by part, before anything is loaded.

The sizes are those of the tensors that `run.py`, `shuffle_buffer.py` and `checkpoint.py` allocate; the tests compare
them with the memory that real runs take. Imports no torch.

B tokens, D d_in, F d_sae.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mistudio.activations.estimate import PROGRAM, RunningModel
from mistudio.hardware import Estimate, Part, Reached, time_for
from mistudio.training.config import TrainConfig
from mistudio.training.trial_plan import trial_steps

_SLICE = 256
_KEPT_BLOCKS = 7
"""Blocks of a recording whose memory Arrow keeps for the next ones."""
_DEAD_SHARE = 0.25
_ADAM_FLOP = 2800
"""What one pass of Adam over a weight costs, in multiply-adds of the encoder's product: it waits for the memory."""


@dataclass(frozen=True)
class Activations:
    """What a run reads."""

    d_in: int
    tokens: int
    """In one pass over the data."""
    value_bytes: int
    """Of a number in the buffer."""
    block_tokens: int = 16_384
    """Tokens that are read or computed at a time."""
    model: RunningModel | None = None
    """The model that runs along; None where activations were recorded."""


def estimate(
    config: TrainConfig,
    activations: Activations,
    *,
    device: str = "cpu",
    half_precision: bool = True,
    reached: Sequence[Reached] = (),
    model_reached: Sequence[Reached] = (),
) -> Estimate:
    """What a run will need.

    Args:
        device: where it trains: `cpu`, or the name of a GPU.
        half_precision: whether the encoder's product is computed in 16 bits.
        reached: how fast earlier runs on recordings were (see `flop_per_token`), or on models, if any were.
        model_reached: how fast the model ran in recordings, where only runs on recordings are known.
    """
    half_precision = half_precision if config.precision == "auto" else config.precision == "bfloat16"
    on_device = _training_parts(config, activations, 2 if half_precision else 4)
    in_memory = (PROGRAM, *_data_parts(config, activations))
    model = activations.model.parts() if activations.model else ()
    seconds, basis = _time(config, activations, reached, model_reached)
    width = config.sae.width(activations.d_in)
    gpu = device != "cpu"
    return Estimate(
        memory=in_memory if gpu else (*in_memory, *model, *on_device),
        device_memory=(*model, *on_device) if gpu else (),
        disk=_disk_parts(config, activations),
        seconds=seconds,
        seconds_basis=basis,
        facts={
            "steps": config.steps,
            "d_in": activations.d_in,
            "d_sae": width,
            "parameters": _parameters(config, activations.d_in),
            "learning_rate": config.learning_rate(width),
            "dead_after_tokens": config.dead_after(),
            "tokens": config.steps * config.batch_size,
            "tokens_in_a_pass": activations.tokens,
            "passes": round(config.steps * config.batch_size / max(1, activations.tokens), 2),
        },
    )


def memory_of_several(
    members: Sequence[tuple[TrainConfig, int]], activations: Activations, *, half_precision: bool = True
) -> tuple[Part, ...]:
    """The memory that SAEs need which are trained together; what all members have a part of is one part.

    Args:
        members: each run, and the width that it reads.
        activations: what is read for all of them together, and the model where one runs.
        half_precision: whether the encoder's product is computed in 16 bits.
    """
    found: dict[str, Part] = {}
    for config, d_in in members:
        own = replace(activations, d_in=d_in)
        for part in _training_parts(config, own, 2 if half_precision else 4):
            found[part.name] = replace(part, bytes=part.bytes + (found[part.name].bytes if part.name in found else 0))
    model = activations.model.parts() if activations.model else ()
    return (PROGRAM, *_data_parts(members[0][0], activations), *model, *found.values())


def flop_per_token(config: TrainConfig, activations: Activations) -> float:
    """What a token of such a run costs, to compare runs with one another."""
    width = config.sae.width(activations.d_in) * activations.d_in
    sparse = 24 * activations.d_in * config.sae.k
    adam = _ADAM_FLOP * width / config.batch_size
    model = activations.model.flop_per_token if activations.model else 0.0
    whitening = 2 * activations.d_in**2 if config.normalisation == "whiten" else 0
    return 2 * width + sparse + adam + model + whitening


def _time(
    config: TrainConfig, activations: Activations, reached: Sequence[Reached], model_reached: Sequence[Reached]
) -> tuple[float | None, str]:
    steps, flop = config.steps, flop_per_token(config, activations)
    searching = 4 * trial_steps(config) if config.lr == "auto" else 0
    tokens = (steps + searching) * config.batch_size
    if activations.model is None or not model_reached:
        return time_for(tokens, flop, reached)
    ahead = activations.model.flop_per_token
    model_seconds, model_basis = time_for(tokens, ahead, model_reached)
    step_seconds, step_basis = time_for(tokens, flop - ahead, reached)
    if model_seconds is None or step_seconds is None:
        return None, step_basis
    return model_seconds + step_seconds, f"{model_basis}; {step_basis}"


def _parameters(config: TrainConfig, d_in: int) -> int:
    width = config.sae.width(d_in)
    return 2 * width * d_in + width + d_in


def _training_parts(config: TrainConfig, activations: Activations, gemm_bytes: int) -> tuple[Part, ...]:
    d_in, batch = activations.d_in, -(-config.batch_size // config.accumulate)
    width, numbers = config.sae.width(d_in), _parameters(config, d_in)
    dead = int(_DEAD_SHARE * width) if config.sae.aux_k and config.revive == "auxk" else 0
    step = batch * (3 * d_in * 4 + config.sae.k * 8 * 12)
    whitening = (
        (Part("whitening", 8 * d_in * d_in, "The matrix that makes every direction's variance 1, and its inverse."),)
        if config.normalisation == "whiten"
        else ()
    )
    return (
        *whitening,
        Part("weights", 4 * numbers, "Encoder and decoder in float32: 2 × latents × width numbers."),
        Part("encoder copy", gemm_bytes * width * d_in, "The encoder once more, in the format of the matrix product."),
        Part(
            "gradients",
            4 * numbers * (1 if config.accumulate == 1 else 2),
            "One number for each weight; once more where a batch is worked through in parts.",
        ),
        Part("Adam's moments", 8 * numbers, "Two numbers for each weight."),
        Part(
            "revival",
            4 * dead * (3 * min(batch, _SLICE) + 6 * d_in),
            "AuxK's part, while a quarter of the latents is dead.",
        ),
        Part("step", gemm_bytes * _SLICE * width + step, "Pre-activations, errors and active latents of a batch."),
    )


def _data_parts(config: TrainConfig, activations: Activations) -> tuple[Part, ...]:
    d_in, value_bytes = activations.d_in, activations.value_bytes
    row = d_in * value_bytes + 16
    rows = max(min(config.buffer_tokens, activations.tokens), config.batch_size)
    blocks = 1 if activations.model else _KEPT_BLOCKS
    held = min(blocks * activations.block_tokens, activations.tokens)
    return (
        Part("shuffle buffer", rows * row, "Tokens in the buffer × width × bytes a number."),
        Part("blocks", held * row, "What is read or computed at a time on its way into the buffer."),
    )


def _disk_parts(config: TrainConfig, activations: Activations) -> tuple[Part, ...]:
    numbers = _parameters(config, activations.d_in)
    width = config.sae.width(activations.d_in)
    row = activations.d_in * activations.value_bytes + 16
    rows = max(min(config.buffer_tokens, activations.tokens), config.batch_size)
    lines = config.steps // config.log_every + 1
    state = 12 * numbers + 16 * width
    checkpoint = state + rows * row
    keeps_best = config.validation.keep_best or config.validation.finish_with == "best"
    return (
        Part("SAE", 4 * numbers + 4 * width, "The finished weights, in float32."),
        Part(
            "checkpoints",
            checkpoint * (1 + min(config.keep_checkpoints, (config.steps - 1) // config.checkpoint_steps())),
            "Weights, moments and buffer; one more than are kept, for a moment, while a new one replaces the oldest. "
            "They are removed when the SAE is finished.",
        ),
        Part("log", 330 * lines, "A line every few steps."),
        *([Part("best state", 2 * state, "Weights and moments; two for a moment.")] if keeps_best else []),
    )
