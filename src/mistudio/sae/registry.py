"""The architectures, one line each: configuration, encoder, and the tensors that only they have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from mistudio.errors import FormatUnsupported
from mistudio.sae import selection
from mistudio.sae.architectures import batch_topk, gated, jumprelu, matryoshka, standard, topk, transcoder
from mistudio.sae.config import (
    BatchTopKConfig,
    GatedConfig,
    GatedTrainingConfig,
    GatedTranscoderConfig,
    JumpReLUConfig,
    JumpReLUTrainingConfig,
    JumpReLUTranscoderConfig,
    MatryoshkaConfig,
    SaeConfig,
    StandardConfig,
    StandardTrainingConfig,
    TopKConfig,
    TopKTranscoderConfig,
    TrainableSaeConfig,
    TranscoderConfig,
)
from mistudio.sae.sparse_step import SparseStep
from mistudio.sae.weights import SparseCode, Weights


class Architecture(NamedTuple):
    """How an SAE encodes once it is trained."""

    config: type[SaeConfig]
    encode: Callable[[Float[Tensor, "B D"], Weights, Any], SparseCode]
    """Activations, weights and the configuration to active latents, strongest first, in float32."""
    tensors: tuple[str, ...] = ()
    """Names in `Weights.more`."""
    transcodes: bool = False
    """Whether it writes another hook point than it reads."""
    opens_in_saelens: bool = True
    """Whether SAELens has a class that runs it."""
    compares: bool = False
    """Whether activations of different latents are compared with one another, so that all must have one unit."""


class Training(NamedTuple):
    """How an architecture is trained."""

    config: type[TrainableSaeConfig]
    step: Callable[..., SparseStep[Any]]
    """Configuration and weights to the step."""
    to_inference: Callable[[Any, Weights, dict[str, Tensor]], tuple[SaeConfig, Weights]]
    """Configuration, weights and what the step kept, to what the SAE is once it is trained."""
    tensors: tuple[str, ...] = ()
    """Vectors of length d_sae that are trained beside those that every SAE has; they start from 0."""


def _as_it_is(config: SaeConfig, weights: Weights, kept: dict[str, Tensor]) -> tuple[SaeConfig, Weights]:  # noqa: ARG001
    return config, weights


_SAES = {
    "topk": Architecture(TopKConfig, topk.encode, compares=True),
    "standard": Architecture(StandardConfig, standard.encode),
    "jumprelu": Architecture(JumpReLUConfig, jumprelu.encode, jumprelu.TENSORS),
    "gated": Architecture(GatedConfig, gated.encode, gated.TENSORS),
}

_TRANSCODERS: dict[str, type[SaeConfig]] = {
    "standard": TranscoderConfig,
    "jumprelu": JumpReLUTranscoderConfig,
    "topk": TopKTranscoderConfig,
    "gated": GatedTranscoderConfig,
}

ARCHITECTURES = _SAES | {
    transcoder.name_of(name, skip=skip): Architecture(
        config,
        transcoder.reading(_SAES[name].encode, _SAES[name].config),
        transcoder.tensors_of(_SAES[name].tensors, skip=skip),
        transcodes=True,
        opens_in_saelens=name in ("standard", "jumprelu"),
    )
    for name, config in _TRANSCODERS.items()
    for skip in (False, True)
}

TRAININGS = {
    "topk": Training(TopKConfig, topk.TopKStep, _as_it_is),
    "batchtopk": Training(BatchTopKConfig, batch_topk.BatchTopKStep, selection.to_inference),
    "matryoshka": Training(MatryoshkaConfig, matryoshka.MatryoshkaStep, selection.to_inference),
    "jumprelu": Training(
        JumpReLUTrainingConfig, jumprelu.JumpReLUStep, jumprelu.to_inference, jumprelu.TRAINED_TENSORS
    ),
    "gated": Training(GatedTrainingConfig, gated.GatedStep, gated.to_inference, gated.TENSORS),
    "standard": Training(StandardTrainingConfig, standard.StandardStep, standard.to_inference),
}


def trained(config: TrainableSaeConfig, weights: Weights, kept: dict[str, Tensor]) -> tuple[SaeConfig, Weights]:
    """What the SAE or the transcoder is once it is trained.

    Args:
        weights: as trained.
        kept: what the step kept beside them.
    """
    found, weights = TRAININGS[config.architecture].to_inference(config, weights, kept)
    if config.target is None:
        return found, weights
    name = transcoder.name_of(found.architecture, skip=config.skip)
    kind = ARCHITECTURES[name].config
    fields = {field: value for field, value in found.model_dump().items() if field in kind.model_fields}
    return kind.model_validate(fields | {"architecture": name}), weights


def architecture_of(name: str) -> Architecture:
    """An architecture by its name.

    Raises:
        FormatUnsupported: there is none of that name.
    """
    if name not in ARCHITECTURES:
        raise FormatUnsupported(
            f"The SAE's architecture {name!r} is not known here.",
            remedy=f"Known architectures: {', '.join(ARCHITECTURES)}.",
        )
    return ARCHITECTURES[name]
