"""What is likely to go wrong with a run, in one sentence each: settings that are known to lead nowhere.

Advice, and no refusal: a run that is meant like that goes on. Importable without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mistudio.sae.config import PenalisedConfig
from mistudio.training.config import TrainConfig
from mistudio.training.trial_plan import trial_steps

_HIGH, _LOW = 4.0, 0.25
"""Multiples of the rule's learning rate that are worth a word: a quarter of it cost a quarter of the FVU where it was
measured, and four times it is a guess."""
_FIRINGS = 300
"""Tokens on which a latent must be active to become anything."""
_MANY_LATENTS = 4096
_MANY_PASSES = 8


class Outlook(NamedTuple):
    """What is known before a run begins."""

    config: TrainConfig
    d_in: int
    tokens_in_a_pass: int | None = None
    """In one pass over the data; None where nobody knows it."""

    @property
    def width(self) -> int:
        """Latents."""
        return self.config.sae.width(self.d_in)

    @property
    def tokens(self) -> int:
        """Training tokens."""
        return self.config.steps * self.config.batch_size

    @property
    def rule(self) -> float:
        """The learning rate where none is given."""
        return self.config.model_copy(update={"lr": None}).learning_rate(self.width)

    @property
    def passes(self) -> float:
        """Over the data."""
        return self.tokens / self.tokens_in_a_pass if self.tokens_in_a_pass else 1.0

    @property
    def firings(self) -> float:
        """Tokens on which a latent will be active, on average."""
        return self.tokens * self.config.sae.k / self.width


class Outcome(NamedTuple):
    """What a run, or its part so far, came to."""

    config: TrainConfig
    d_sae: int
    step: int
    l0: float
    dead_share: float


class Advice(NamedTuple):
    """A sentence, and a name by which a program knows it."""

    name: str
    sentence: str


class _Before(NamedTuple):
    name: str
    applies: Callable[[Outlook], bool]
    sentence: Callable[[Outlook], str]


class _After(NamedTuple):
    name: str
    applies: Callable[[Outcome], bool]
    sentence: Callable[[Outcome], str]


def _given_rate(run: Outlook) -> float:
    return run.rule if run.config.lr in (None, "auto") else run.config.learning_rate(run.width)


def _revives(config: TrainConfig) -> bool:
    """Whether anything brings dead latents back."""
    return config.revive == "resample" or (config.revive == "auxk" and config.sae.aux_k > 0)


_BEFORE = (
    _Before(
        "rate_high",
        lambda run: _given_rate(run) > _HIGH * run.rule,
        lambda run: (
            f"The learning rate {_given_rate(run):g} is far above what trains {run.width:,} latents in "
            f"{run.config.steps:,} steps (about {run.rule:.2g}): latents die, or the run diverges."
        ),
    ),
    _Before(
        "rate_low",
        lambda run: _given_rate(run) < _LOW * run.rule,
        lambda run: (
            f"The learning rate {_given_rate(run):g} is far below what trains {run.width:,} latents in "
            f"{run.config.steps:,} steps (about {run.rule:.2g}): the run ends before it has learned."
        ),
    ),
    _Before(
        "too_short_to_search",
        lambda run: run.config.lr == "auto" and trial_steps(run.config) == 0,
        lambda run: (
            f"{run.config.steps} steps are too few to look for a learning rate in a share of them: it is "
            f"{run.rule:.2g}, by the rule; a smaller batch size makes more steps."
        ),
    ),
    _Before(
        "warm_up_long",
        lambda run: run.config.warmup_steps > run.config.steps / 2,
        lambda run: (
            f"The learning rate rises for {run.config.warmup_steps} steps, and the run has only {run.config.steps}: "
            "train on more tokens, or choose a smaller batch size or fewer warm-up steps."
        ),
    ),
    _Before(
        "k_near_d_sae",
        lambda run: run.config.sae.k * 4 > run.width,
        lambda run: (
            f"{run.config.sae.k} of {run.width:,} latents are active on every token: such a dictionary is hardly "
            "sparse; choose a smaller k or more latents."
        ),
    ),
    _Before(
        "k_near_d_in",
        lambda run: run.config.sae.k * 2 > run.d_in,
        lambda run: (
            f"With {run.config.sae.k} active latents for {run.d_in:,} dimensions nearly everything can be "
            "reconstructed without features being found; choose a smaller k."
        ),
    ),
    _Before(
        "nothing_dies",
        lambda run: _revives(run.config) and run.config.dead_after() >= run.tokens > run.config.batch_size,
        lambda run: (
            f"A latent counts as dead after {run.config.dead_after():,} silent tokens, and the run has only "
            f"{run.tokens:,}: none will be revived."
        ),
    ),
    _Before(
        "no_revival",
        lambda run: not _revives(run.config) and run.width > _MANY_LATENTS,
        lambda run: f"Nothing revives dead latents in this run, and {run.width:,} latents leave many.",
    ),
    _Before(
        "few_tokens",
        lambda run: run.firings < _FIRINGS,
        lambda run: (
            f"A latent will be active on about {run.firings:,.0f} tokens in the whole run, which is too few to learn "
            "from: train on more tokens, or have fewer latents."
        ),
    ),
    _Before(
        "many_passes",
        lambda run: run.passes > _MANY_PASSES,
        lambda run: (
            f"The data is passed over {run.passes:.0f} times: new text is worth more than further passes, and the FVU "
            "in the log will be better than that on other text."
        ),
    ),
    _Before(
        "fixed_coefficient",
        lambda run: isinstance(run.config.sae, PenalisedConfig) and run.config.sae.coefficient is not None,
        lambda run: (
            f"The penalty's coefficient is fixed, so k = {run.config.sae.k} is only where the run begins: without it, "
            "the coefficient is adjusted until k latents are active."
        ),
    ),
)

_AFTER = (
    _After(
        "all_dead",
        lambda run: run.l0 < 1 or run.dead_share > 0.9,
        lambda run: (
            f"Hardly any latent is active (L0 {run.l0:.2g}, {run.dead_share:.0%} dead): the {_cause(run)} is too high."
        ),
    ),
    _After(
        "dense",
        lambda run: run.l0 > max(4 * run.config.sae.k, run.d_sae / 8),
        lambda run: (
            f"{run.l0:,.0f} of {run.d_sae:,} latents are active on a token, and {run.config.sae.k} were wanted: the "
            "penalty's coefficient is too low, or the run too short to find one."
        ),
    ),
)

NAMES = tuple(rule.name for rule in (*_BEFORE, *_AFTER))
"""Of all advice that there is."""


def advice(config: TrainConfig, d_in: int, tokens_in_a_pass: int | None = None) -> list[Advice]:
    """What is likely to go wrong with a run.

    Args:
        config: the run.
        d_in: width of the activations.
        tokens_in_a_pass: tokens in one pass over the data, where it is known.
    """
    run = Outlook(config, d_in, tokens_in_a_pass)
    return [Advice(rule.name, rule.sentence(run)) for rule in _BEFORE if rule.applies(run)]


def hindsight(config: TrainConfig, d_sae: int, *, step: int, l0: float, dead_share: float) -> list[Advice]:
    """What went wrong with a run by its numbers at a step; nothing is said before the warm-up is over."""
    run = Outcome(config, d_sae, step, l0, dead_share)
    if step <= min(config.warmup_steps, config.steps - 1):
        return []
    return [Advice(rule.name, rule.sentence(run)) for rule in _AFTER if rule.applies(run)]


def _cause(run: Outcome) -> str:
    sae = run.config.sae
    fixed = isinstance(sae, PenalisedConfig) and sae.coefficient is not None
    return "penalty's coefficient" if fixed else "learning rate"
