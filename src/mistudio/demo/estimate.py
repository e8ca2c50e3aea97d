"""What the demo will need: the memory of its largest stage, the disk and the time of all. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

from mistudio.activations import estimate as recording
from mistudio.activations.config import TraceConfig
from mistudio.activations.estimate import RunningModel
from mistudio.demo.config import DemoConfig
from mistudio.evaluation import estimate as evaluation
from mistudio.evaluation.config import EvaluateConfig
from mistudio.features import estimate as features
from mistudio.features.config import FindConfig
from mistudio.hardware import Estimate, Part, Reached
from mistudio.sae.config import TopKConfig
from mistudio.training import estimate as training
from mistudio.training.config import TrainConfig

_D_MODEL, _LAYERS, _VOCABULARY, _PARAMETERS = 576, 30, 49_152, 134_515_008
"""Of SmolLM2-135M."""
_CONTEXT, _TRAIN_TOKENS, _HELD_OUT_TOKENS = 256, 1_930_000, 200_000
"""Of the State of the Union addresses."""
_DOWNLOADS = 210 << 20
"""Both packages, packed and unpacked."""


def estimate(
    config: DemoConfig, *, device: str = "cpu", recorded: Sequence[Reached] = (), trained: Sequence[Reached] = ()
) -> Estimate:
    """What a first walk will need; what an earlier walk left is used again.

    Args:
        device: where the model runs: `cpu`, or the name of a GPU.
        recorded: how fast earlier recordings were.
        trained: how fast earlier trainings were.
    """
    model = RunningModel(2 * _PARAMETERS, _PARAMETERS, _D_MODEL, _LAYERS, layer=config.layer, batch_tokens=8 * _CONTEXT)
    hook, tokens = f"resid_post.{config.layer}", min(config.recorded_tokens, _TRAIN_TOKENS)
    sae = TopKConfig(k=config.k, expansion=config.expansion)
    width = sae.width(_D_MODEL)
    run = TrainConfig(sae=sae, tokens=config.passes * tokens, lr=config.lr)
    measured = EvaluateConfig(max_tokens=config.evaluated_tokens, splice_contexts=config.splice_contexts)
    stages = (
        recording.estimate(
            TraceConfig(hooks=(hook,), max_tokens=tokens), model, {hook: _D_MODEL}, _TRAIN_TOKENS,
            device=device, reached=recorded,
        ),
        training.estimate(run, training.Activations(_D_MODEL, tokens, 2), device=device, reached=trained),
        evaluation.estimate(
            measured, evaluation.EvaluatedSae(_D_MODEL, width, _HELD_OUT_TOKENS, _CONTEXT, _VOCABULARY, model),
            device=device, reached=recorded,
        ),
        features.estimate(
            FindConfig(), features.EncodedText(_D_MODEL, width, config.k, tokens, _VOCABULARY, model, runs=False),
            device=device, reached=trained,
        ),
    )  # fmt: skip
    largest = max(stages, key=lambda stage: stage.memory_bytes + stage.device_memory_bytes)
    known = [stage.seconds for stage in stages if stage.seconds is not None]
    complete = len(known) == len(stages)
    words = "the speeds of earlier recordings and trainings on this machine"
    return Estimate(
        memory=largest.memory,
        device_memory=largest.device_memory,
        disk=(
            Part("downloads", _DOWNLOADS, "The model and the addresses, as they are fetched and unpacked."),
            Part("model", 2 * _PARAMETERS, "Its weights, unpacked once."),
            *(part for stage in stages for part in stage.disk),
        ),
        seconds=sum(known) if complete else None,
        seconds_basis=words if complete else Estimate.seconds_basis,
        facts={"tokens": tokens, "d_sae": width, "steps": run.steps},
    )
