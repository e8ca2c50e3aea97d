"""What a sweep came to: every member's numbers side by side, and which of them are the best at their L0.

Written as `sweep.json` beside the members; the numbers are defined in training's and evaluation's `definitions.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mistudio.artifacts.atomic import write_json
from mistudio.artifacts.manifest import Input
from mistudio.config import Config
from mistudio.errors import ArtifactBroken, NotFound

SWEEP = "sweep.json"
"""The comparison, in the sweep's folder."""
_ABOUT_THE_SAME_L0 = 1.05


class HeldOut(Config):
    """A member's numbers on text that it was not trained on."""

    tokens: int
    """Tokens that FVU and L0 are taken over."""
    fvu: float
    l0: float
    dead_share: float
    ce_increase: float | None = None
    loss_recovered_zero: float | None = None
    loss_recovered_mean: float | None = None
    kl: float | None = None


class SweepMember(Config):
    """One SAE of a sweep."""

    name: str
    path: str | None
    """Its directory, relative to the sweep's folder; null where it diverged."""
    hook: str
    """The hook point that it was trained on."""
    architecture: str
    k: int
    """Active latents per token that were asked for."""
    d_sae: int
    """Number of latents."""
    learning_rate: float
    """The highest of its run."""
    tokens: int
    """Tokens that it was trained on."""
    differs: dict[str, Any]
    """The options in which the members differ, as this one has them."""
    l0: float | None = None
    """Of the last training batch, which is the same one for members that were trained for equally long."""
    fvu: float | None = None
    """Of that batch."""
    dead_share: float | None = None
    """At the end of training."""
    held_out: HeldOut | None = None
    """Where the sweep was evaluated."""
    diverged: str | None = None
    """Why it ended early, where it did."""
    best: bool = False
    """No other member at its hook point has a lower FVU with at most 1.05 times its L0: on held-out text where that was
    measured, else on the last training batch."""

    @property
    def quoted_l0(self) -> float | None:
        """On held-out text where that was measured, else of the last training batch."""
        return self.held_out.l0 if self.held_out else self.l0

    @property
    def quoted_fvu(self) -> float | None:
        """On held-out text where that was measured, else of the last training batch."""
        return self.held_out.fvu if self.held_out else self.fvu


class Sweep(Config):
    """Several SAEs that were trained on the same batches."""

    mistudio_version: str
    created_at: str
    """UTC, ISO 8601."""
    model: str
    """The language model whose activations they read."""
    inputs: tuple[Input, ...]
    """The recording or the tokens."""
    seconds: float
    """That training all of them took together."""
    members: tuple[SweepMember, ...]

    @property
    def differing(self) -> tuple[str, ...]:
        """Names of the options in which the members differ."""
        return tuple(dict.fromkeys(name for member in self.members for name in member.differs))

    @property
    def diverged(self) -> tuple[SweepMember, ...]:
        """Those that did not reach their end."""
        return tuple(member for member in self.members if member.diverged is not None)


def mark_best(members: Sequence[SweepMember]) -> tuple[SweepMember, ...]:
    """The members, each told whether it is the best at its L0."""
    return tuple(member.model_copy(update={"best": _is_best(member, members)}) for member in members)


def _is_best(member: SweepMember, members: Sequence[SweepMember]) -> bool:
    if member.quoted_l0 is None or member.quoted_fvu is None:
        return False
    return not any(
        other.hook == member.hook
        and other.quoted_l0 is not None
        and other.quoted_fvu is not None
        and other.quoted_l0 <= _ABOUT_THE_SAME_L0 * member.quoted_l0
        and other.quoted_fvu < member.quoted_fvu
        for other in members
    )


def write_sweep(sweep: Sweep, folder: Path) -> None:
    """Write `sweep.json` into a folder, atomically; an older one is replaced.

    Raises:
        DiskFull: the disk had no room.
    """
    write_json(folder / SWEEP, sweep.model_dump(mode="json"))


def read_sweep(folder: Path) -> Sweep:
    """Read what `write_sweep` wrote.

    Raises:
        NotFound: the folder is no sweep's.
        ArtifactBroken: its file cannot be read.
    """
    path = folder / SWEEP
    if not path.is_file():
        raise NotFound(f"{folder} is not a sweep: it has no {SWEEP}.", remedy="Give the folder that a sweep wrote.")
    try:
        return Sweep.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (ValidationError, ValueError) as error:
        raise ArtifactBroken(f"{path} cannot be read: {str(error).splitlines()[0]}.") from error
