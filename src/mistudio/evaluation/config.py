"""What to evaluate, on how much text; and what synthetic data with known features look like."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mistudio.config import Config


class EvaluateConfig(Config):
    """How an SAE is evaluated."""

    split: Literal["held_out", "train", "all"] = "held_out"
    """Which documents to evaluate on; held-out ones were never trained on."""
    max_tokens: int = Field(default=131_072, gt=0)
    """Tokens over which FVU, cosine, L0 and densities are taken, in whole contexts spread evenly over the split."""
    splice_contexts: int = Field(default=64, ge=0)
    """Contexts over which cross-entropies and KL are taken, spread evenly over the split; 0 leaves them out."""
    batch_contexts: int = Field(default=8, gt=0)
    """Contexts per forward pass; fewer are used where the logits would not fit into a quarter of a GiB."""


class SyntheticConfig(Config):
    """Activations whose true features are known: sparse sums of known directions, as hard as a language model's.

    The defaults are those of SynthSAEBench-16k (arXiv 2602.14687). Features are numbered from the most to the least
    frequent. The first `roots` are roots of trees, their children come next, level by level, and those that are left
    belong to no tree.
    """

    features: int = Field(default=16_384, gt=0)
    """True features."""
    d_in: int = Field(default=768, gt=0)
    """Width of the activations; with fewer dimensions than features they lie in superposition."""
    zipf_exponent: float = Field(default=0.5, gt=0)
    """How fast frequencies fall: the one of rank r falls like r to the minus this."""
    p_max: float = Field(default=0.4, gt=0, le=1)
    """Share of tokens on which the most frequent feature fires."""
    p_min: float = Field(default=5e-4, gt=0, le=1)
    """Share of tokens wanted of the least frequent one."""
    roots: int = Field(default=128, ge=0)
    """Trees; 0 for no hierarchy."""
    branching: int = Field(default=4, gt=0)
    """Children of a feature that has any."""
    depth: int = Field(default=3, ge=0)
    """Levels of children below a root."""
    exclusive_children: bool = True
    """At most one child of a feature fires at a time."""
    scale_children: bool = True
    """A child fires the stronger, the stronger its parent does."""
    correlation_rank: int = Field(default=25, gt=0)
    """Common causes that features share."""
    correlation_scale: float = Field(default=0.1, ge=0)
    """Standard deviation of a cause's weight in a feature, which has variance 1 in all; 0: features are independent."""
    orthogonal_steps: int = Field(default=100, ge=0)
    """Steps that make random directions more orthogonal."""
    orthogonal_rate: float = Field(default=3e-4, gt=0)
    """Adam's learning rate in those steps."""
    magnitude_first: float = Field(default=5.0, gt=0)
    """Mean activation of the most frequent feature where it fires."""
    magnitude_last: float = Field(default=4.0, gt=0)
    """The same of the least frequent; in between it falls linearly with the rank."""
    spread_mean: float = Field(default=0.5, ge=0)
    """A feature's activations have a standard deviation of |N(this, `spread_std`)|, drawn once a feature."""
    spread_std: float = Field(default=0.5, ge=0)
    """See `spread_mean`."""
    bias_norm: float = Field(default=0.5, ge=0)
    """Length of the constant that is added to every activation."""
    batch_tokens: int = Field(default=1024, gt=0)
    """Tokens drawn at a time; other batches are other data."""
    seed: int = Field(default=0, ge=0)
    """Decides directions, magnitudes, correlations and every token."""

    @property
    def levels(self) -> tuple[int, ...]:
        """Where each level of the trees begins, roots first, and at the end where the last one ends."""
        starts = [0]
        for level in range(self.depth + 1):
            starts.append(starts[-1] + self.roots * self.branching**level)
        return tuple(starts)

    @model_validator(mode="after")
    def _is_possible(self) -> SyntheticConfig:
        if self.p_min > self.p_max:
            raise ValueError("p_min is above p_max")
        if self.levels[-1] > self.features:
            raise ValueError(f"the trees have {self.levels[-1]} features, and there are only {self.features}")
        return self


SYNTHETIC_SMALL = SyntheticConfig(features=2048, d_in=256, roots=16)
"""An eighth of the default's features in a third of its width: an SAE trains on it in minutes on two cores."""
