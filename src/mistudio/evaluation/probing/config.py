"""What to probe for, and every threshold by which it is judged."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from mistudio.config import Config


class FitConfig(Config):
    """How probes are fitted: logistic regression on standardised inputs, one class against the rest."""

    l2: float = Field(default=1.0, gt=0)
    """Penalty on squared weights: ½ · l2 · ‖w‖² stands beside the sum of the samples' losses (scikit-learn's 1/C)."""
    weighting: Literal["balanced", "none"] = "balanced"
    """Whether class and rest weigh alike in the loss, however many samples each has, or every sample weighs alike."""
    max_steps: int = Field(default=500, gt=0)
    """Most steps of L-BFGS; it stops earlier where the gradient vanishes."""
    train_share: float = Field(default=0.5, gt=0, lt=1)
    """Share of each class that probes are fitted, and latents chosen, on; the rest is what the scores are taken on."""
    batch_contexts: int = Field(default=16, gt=0)
    """Texts per forward pass of the model."""
    seed: int = 0
    """Of the split, of the draw of documents or words, and of the examples in prompts."""


class LabelsConfig(Config):
    """Sparse probing and targeted perturbation on documents that carry labels."""

    label: str | None = None
    """The key of the documents' metadata that holds the label: a column of a CSV or JSONL file, say party."""
    classes: tuple[str, ...] = ()
    """Values of the label to tell apart; where none is given, all that enough documents carry."""
    bins: int | None = Field(default=None, ge=2)
    """Classes of equal size into which a label that is a number, such as a year, is cut."""
    group: str | None = None
    """A key of the metadata: documents with the same value, such as a speaker, stay on one side of the split."""
    min_documents: int = Field(default=20, ge=4)
    """Documents that a class must have."""
    max_documents: int = Field(default=2_000, gt=0)
    """Most documents that are read, drawn at random."""
    context_length: int = Field(default=256, gt=1)
    """Tokens that the model reads at a time; longer documents are read in pieces, each beginning anew with BOS."""
    document_tokens: int = Field(default=1_024, gt=0)
    """Most tokens of a document that its mean is taken over, in whole pieces spread evenly over it."""
    ks: tuple[int, ...] = (1, 2, 5, 16)
    """Numbers of latents that a sparse probe may use; the probe on all latents stands beside them."""
    perturbed: tuple[int, ...] = (2, 5, 10, 20, 50)
    """Numbers of latents that targeted perturbation sets to zero."""

    @field_validator("ks", "perturbed")
    @classmethod
    def _are_numbers_of_latents(cls, numbers: tuple[int, ...]) -> tuple[int, ...]:
        if not numbers or min(numbers) < 1:
            raise ValueError("at least one number of latents is wanted, each at least 1")
        return tuple(sorted(set(numbers)))


class SpellingConfig(Config):
    """Absorption and feature splitting on the first letters of words; thresholds are SAEBench's."""

    words: Literal["with_space", "all"] = "with_space"
    """Tokens taken as words: those of ASCII letters after a space, or those without the space too."""
    min_letters: int = Field(default=2, gt=0)
    """Letters that a word must have."""
    max_words: int = Field(default=6_000, gt=0)
    """Most words, drawn at random from the vocabulary."""
    min_words: int = Field(default=40, ge=4)
    """Words that must begin with a letter; rarer letters are left out, and named."""
    examples: int = Field(default=2, ge=0)
    """Other words that stand spelled in front of each word, a line each; SAEBench has 10."""
    template: str = "{word} has the first letter: {letter}"
    """A line of the prompt; the model reads up to the last line's word, at whose token activations are taken."""
    max_latents: int = Field(default=10, gt=0)
    """Most latents that a letter may be split over."""
    min_rise: float = Field(default=0.03, ge=0)
    """A further latent counts as a split while it raises F1 by more than this."""
    min_probe_f1: float = Field(default=0.6, ge=0, le=1)
    """F1 on held-out words that the probe on the activations must reach; other letters are left out, and named."""
    min_cosine: float = Field(default=0.025, ge=-1, le=1)
    """Least cosine between an absorbing latent's decoder row and the probe."""
    min_projection_share: float = Field(default=0.4, ge=0)
    """Least share of the activation's projection on the probe that absorbing latents must explain."""
    fraction_min_cosine: float = Field(default=0.1, ge=-1, le=1)
    """The same as `min_cosine`, for the latents that the absorption fraction counts."""
    fraction_latents: int = Field(default=3, gt=0)
    """Most latents that the absorption fraction counts as absorbing together."""
    origin: Literal["zero", "decoder_bias"] = "zero"
    """Where the projection is counted from: zero as in SAEBench, or the decoder's bias, which no latent explains."""

    @field_validator("template")
    @classmethod
    def _has_both_places(cls, template: str) -> str:
        before, word, after = template.partition("{word}")
        if not word or "{letter}" in before or after.count("{letter}") != 1 or "{word}" in after:
            raise ValueError("a template holds {word} once and, after it, {letter} once")
        return template


class ProbingConfig(Config):
    """The options of `mistudio probe`."""

    fit: FitConfig = FitConfig()
    """How probes are fitted."""
    labels: LabelsConfig = LabelsConfig()
    """Probing on labelled documents."""
    spelling: SpellingConfig = SpellingConfig()
    """Probing on first letters."""
