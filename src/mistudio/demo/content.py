"""What the report page shows, as data: the page draws these fields and nothing else.

Every model is JSON-able. A number that could not be computed (not a number, infinite) becomes None, and the page then
shows a dash. Long lists of measurements are written with four significant digits, to keep the page light.

Knows nothing of HTML, of SAEs or of language models.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, NonNegativeFloat, NonNegativeInt, PlainSerializer, model_validator

from mistudio.config import Config


def _finite_or_none(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _four_digits(value: float | None) -> float | int | None:
    """`value` rounded for the page; whole numbers lose their ".0", which is most of the weight of a context."""
    if value is None:
        return None
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded.is_integer() else rounded


Number = Annotated[float | None, BeforeValidator(_finite_or_none)]
"""A number, or None where it could not be computed."""
Measured = Annotated[Number, PlainSerializer(_four_digits, when_used="json")]
"""One of many measurements: four significant digits are kept on the page."""


class ModelSummary(Config):
    """The language model that was opened."""

    name: str
    """Hub id or file name."""
    layers: NonNegativeInt
    """Number of transformer blocks."""
    d_model: NonNegativeInt
    """Width of the residual stream."""
    parameters: NonNegativeInt
    """Number of weights."""
    hook: str
    """The hook point whose activations were learnt, such as "resid_post.15"."""
    licence: str = ""
    """Licence of the weights."""


class CorpusSummary(Config):
    """The text that the model read."""

    name: str
    """What the text is, in words."""
    documents: NonNegativeInt
    """Number of documents."""
    tokens: NonNegativeInt
    """Number of tokens in all contexts."""
    held_out_documents: NonNegativeInt = 0
    """Documents that training never saw."""
    source: str = ""
    """Where the text comes from."""
    licence: str = ""
    """Licence of the text."""


class Exclusion(Config):
    """Tokens that were left out of training and of every number."""

    label: str
    """What kind of token, in a few words."""
    tokens: NonNegativeInt
    """How many were left out."""
    rule: str
    """The rule, in one sentence."""


class Setting(Config):
    """One option or fact of a run, as text."""

    name: str
    """Name of the option."""
    value: str
    """Its value, with unit."""


class Training(Config):
    """How the SAE was trained. The series have one entry for each logged step; a series may be empty."""

    latents: NonNegativeInt
    """Number of latents of the SAE."""
    active: NonNegativeInt
    """Latents that may be active on one token (k)."""
    tokens_trained: NonNegativeInt
    """Tokens that the SAE was trained on, repetitions counted."""
    seconds: NonNegativeFloat
    """Wall-clock time of training."""
    tokens_per_second: NonNegativeFloat
    """Tokens trained on in a second, the model's forward pass included."""
    steps: tuple[NonNegativeInt, ...] = ()
    """Optimiser steps done at each logged point."""
    tokens: tuple[NonNegativeInt, ...] = ()
    """Tokens seen at each logged point: the horizontal axis."""
    fvu: tuple[Measured, ...] = ()
    """Fraction of variance unexplained, on the training batch."""
    loss: tuple[Measured, ...] = ()
    """Training loss."""
    l0: tuple[Measured, ...] = ()
    """Mean number of active latents on a token."""
    dead_share: tuple[Measured, ...] = ()
    """Share of latents that have not fired lately, 0 to 1."""
    learning_rate: tuple[Measured, ...] = ()
    """Step size."""
    settings: tuple[Setting, ...] = ()
    """Configuration of the SAE and of the run."""

    @model_validator(mode="after")
    def _series_have_one_length(self) -> Training:
        for name in ("steps", "fvu", "loss", "l0", "dead_share", "learning_rate"):
            length = len(getattr(self, name))
            if length not in (0, len(self.tokens)):
                raise ValueError(f"{name} has {length} entries where tokens has {len(self.tokens)}")
        return self


class QualityNumber(Config):
    """One number of the evaluation, with its meaning."""

    name: str
    """Its name in full, such as "Fraction of variance unexplained"."""
    symbol: str = ""
    """Its short name, such as "FVU"."""
    value: Number
    """The number itself."""
    unit: str = ""
    """Unit, empty for a pure number; "share" is a number from 0 to 1 that is shown in per cent."""
    definition: str
    """What it is, in plain words."""
    summary: str = ""
    """Words that follow the value in the tile at the top of the page; the name where empty."""
    target: str = ""
    """What it should be, such as "at most 0.16"; empty where nothing was demanded."""
    met: bool | None = None
    """Whether the target was met; None where there is none."""
    headline: bool = False
    """Whether it stands in a tile at the top of the page."""


class DensityHistogram(Config):
    """How often latents fire: how many latents lie in each interval of log10(share of tokens)."""

    edges: tuple[float, ...] = ()
    """Interval bounds in log10(share of tokens), rising, one more than `counts`."""
    counts: tuple[NonNegativeInt, ...] = ()
    """Number of latents in each interval."""
    dead: NonNegativeInt = 0
    """Latents that never fired."""

    @model_validator(mode="after")
    def _edges_enclose_counts(self) -> DensityHistogram:
        if self.counts and len(self.edges) != len(self.counts) + 1:
            raise ValueError(f"{len(self.counts)} intervals need {len(self.counts) + 1} edges, not {len(self.edges)}")
        return self


class TokenLogit(Config):
    """A token of the vocabulary and what a latent adds to its logit."""

    token: str
    """Text of the token."""
    logit: Measured
    """Change of the logit for one unit of decoder direction."""


class Context(Config):
    """A stretch of text with the activation of one latent on each token."""

    document: str
    """What the document is called."""
    pieces: tuple[str, ...]
    """Text of each token; joined they are the text."""
    activations: tuple[Measured, ...]
    """Activation on each token; None on tokens that were left out."""
    peak: NonNegativeInt
    """Index of the token with the largest activation."""

    @model_validator(mode="after")
    def _one_activation_for_each_piece(self) -> Context:
        if len(self.pieces) != len(self.activations):
            raise ValueError(f"{len(self.pieces)} pieces have {len(self.activations)} activations")
        if self.peak >= len(self.pieces):
            raise ValueError(f"the peak is token {self.peak} of {len(self.pieces)}")
        return self


class ContextGroup(Config):
    """Contexts whose peaks lie in one interval of activation."""

    name: str
    """Such as "Top" or "50–75 % of the maximum"."""
    contexts: tuple[Context, ...] = ()
    """The contexts, strongest first."""


class FeatureRow(Config):
    """One latent: how often and how strongly it fires, on what, and what it says about the next token."""

    latent: NonNegativeInt
    """Index of the latent in the SAE."""
    density: Measured
    """Share of tokens on which it is active, 0 to 1."""
    max_activation: Measured
    """Largest activation seen."""
    mean_activation: Measured
    """Mean activation over the tokens on which it is active."""
    histogram: tuple[NonNegativeInt, ...] = ()
    """Active tokens in equal intervals of activation from 0 to the maximum."""
    promoted: tuple[TokenLogit, ...] = ()
    """Tokens made more likely, strongest first."""
    suppressed: tuple[TokenLogit, ...] = ()
    """Tokens made less likely, strongest first."""
    groups: tuple[ContextGroup, ...] = ()
    """Text on which it is active."""


class FeatureSection(Config):
    """The latents that the page shows."""

    rows: tuple[FeatureRow, ...] = ()
    """One entry a latent, in the order of first display."""
    tokens_searched: NonNegativeInt = 0
    """Tokens that were searched for activations."""
    choice: str = ""
    """How the latents shown were chosen, in one sentence."""
    logit_note: str = ""
    """How the logits were computed, in one sentence."""


class SteeredText(Config):
    """What the model wrote with the edits at one strength."""

    strength: Number
    """Strength, in multiples of the latent's maximum activation."""
    text: str
    """The text, without the prompt."""
    reading: Number = None
    """Mean activation per token of the edited latent when the unchanged model reads the text."""


class SteeringComparison(Config):
    """One prompt, continued by the model as it is and by the steered model."""

    prompt: str
    """What the model was asked to continue."""
    edits: str
    """What was changed, in words."""
    latents: tuple[NonNegativeInt, ...] = ()
    """Latents that were edited; the page links to those that it shows."""
    baseline: str
    """What the unchanged model wrote."""
    baseline_reading: Number = None
    """Mean activation per token of the edited latent when the unchanged model reads the baseline."""
    steered: tuple[SteeredText, ...] = ()
    """What the steered model wrote, one entry a strength."""


class StageTime(Config):
    """How long one stage took."""

    stage: str
    """What was done, in words."""
    seconds: NonNegativeFloat
    """Wall-clock time."""
    note: str = ""
    """Such as "reused from the last run"."""


class ArtifactPath(Config):
    """A file or directory that the run left."""

    name: str
    """What it is."""
    path: str
    """Where it is."""


class Command(Config):
    """A command for going further."""

    purpose: str
    """What it does, in words."""
    command: str
    """The line to type."""


class ReportContent(Config):
    """Everything on the page."""

    title: str
    """Heading of the page."""
    created: datetime
    """When the run ended."""
    model: ModelSummary
    """The language model."""
    corpus: CorpusSummary
    """The text."""
    exclusions: tuple[Exclusion, ...] = ()
    """Tokens that were left out, and why."""
    training: Training
    """How the SAE was trained."""
    evaluation: tuple[QualityNumber, ...] = ()
    """How good it is, on held-out text."""
    evaluated_tokens: NonNegativeInt = 0
    """Held-out tokens behind those numbers."""
    density: DensityHistogram = Field(default_factory=DensityHistogram)
    """How often latents fire."""
    features: FeatureSection = Field(default_factory=FeatureSection)
    """What latents respond to."""
    steering: tuple[SteeringComparison, ...] = ()
    """What happens when a latent is turned up."""
    timings: tuple[StageTime, ...] = ()
    """How long each stage took."""
    machine: tuple[Setting, ...] = ()
    """Facts of the machine: cores, memory, versions."""
    artifacts: tuple[ArtifactPath, ...] = ()
    """What the run left on disk."""
    commands: tuple[Command, ...] = ()
    """How to go further."""
