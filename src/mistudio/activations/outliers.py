"""Which tokens are left out: special ones by id, massive activations by norm.

A massive activation (Sun et al. 2024, "Massive Activations in Large Language Models") has a norm a hundred times that
of its neighbours, whatever the text says. One of them outweighs a batch in every squared error, so training and every
metric leave them out, and say so: `describe` stands in each manifest and each result.

B tokens, D width of the hook point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from mistudio.activations.block import Part
from mistudio.errors import BadInput


class Verdict(NamedTuple):
    """The filter's judgement of some tokens; seen = kept + special + massive."""

    keep_B: Bool[Tensor, " B"]
    kept: int
    special: int
    """Left out for their id."""
    massive: int
    """Left out for their norm alone."""


@dataclass(frozen=True)
class TokenFilter:
    """A rule that decides on a token from its id and its activation at one hook point."""

    special_ids: frozenset[int] = field(default_factory=frozenset)
    """Ids to leave out: BOS, padding, separators."""
    max_norm: float | None = None
    """Largest L2 norm to keep; any where None."""
    median_norm: float | None = None
    """What `max_norm` is a multiple of: the median over the text's other tokens."""
    multiple: float | None = None
    """`max_norm / median_norm`."""

    def keep(self, ids_B: Integer[Tensor, " B"], acts_BD: Float[Tensor, "B D"]) -> Bool[Tensor, " B"]:
        """Which tokens to keep.

        Raises:
            BadInput: an activation is not a number.
        """
        return self._special(ids_B).logical_not_().logical_and_(self._massive(acts_BD).logical_not_())

    def judge(self, ids_B: Integer[Tensor, " B"], acts_BD: Float[Tensor, "B D"]) -> Verdict:
        """Which tokens to keep, and how many of the others fall under which rule.

        Raises:
            BadInput: an activation is not a number.
        """
        special_B = self._special(ids_B)
        keep_B = (special_B | self._massive(acts_BD)).logical_not_()
        kept, special = int(keep_B.sum()), int(special_B.sum())
        return Verdict(keep_B, kept, special, len(ids_B) - kept - special)

    def describe(self) -> dict[str, Any]:
        """The rule for manifests and results; JSON-able."""
        rules = []
        if self.special_ids:
            rules.append("special tokens (BOS, padding, separators)")
        if self.max_norm is not None:
            rules.append(f"tokens of norm above {self.max_norm:.6g} = {self.multiple:.6g} × the median norm")
        return {
            "rule": f"excluded: {' and '.join(rules)}" if rules else "nothing is excluded",
            "special_ids": sorted(self.special_ids),
            "max_norm": self.max_norm,
            "median_norm": self.median_norm,
            "multiple": self.multiple,
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> TokenFilter:
        """The filter that `describe` described; of a joint one, that of its first hook point."""
        description = next(iter(description.get("hooks", {}).values()), description)
        return cls(
            special_ids=frozenset(description["special_ids"]),
            max_norm=description["max_norm"],
            median_norm=description["median_norm"],
            multiple=description["multiple"],
        )

    def _special(self, ids_B: Integer[Tensor, " B"]) -> Bool[Tensor, " B"]:
        if not self.special_ids:
            return torch.zeros(len(ids_B), dtype=torch.bool, device=ids_B.device)
        return torch.isin(ids_B, torch.tensor(sorted(self.special_ids), dtype=ids_B.dtype, device=ids_B.device))

    def _massive(self, acts_BD: Float[Tensor, "B D"]) -> Bool[Tensor, " B"]:
        if self.max_norm is None:
            return torch.zeros(len(acts_BD), dtype=torch.bool, device=acts_BD.device)
        norms_B = norms(acts_BD)
        if bool(norms_B.isnan().any()):
            raise BadInput(
                "The model's activations are not numbers (NaN).",
                remedy="Load the model with --dtype float32 or bfloat16.",
            )
        return norms_B > self.max_norm


@dataclass(frozen=True)
class JointFilter:
    """A rule over the activations of several hook points side by side: what any one of them leaves out is left out."""

    rules: tuple[tuple[Part, TokenFilter], ...]
    """Which columns each filter judges."""

    def keep(self, ids_B: Integer[Tensor, " B"], acts_BD: Float[Tensor, "B D"]) -> Bool[Tensor, " B"]:
        """Which tokens to keep.

        Raises:
            BadInput: an activation is not a number.
        """
        keep_B = torch.ones(len(ids_B), dtype=torch.bool, device=ids_B.device)
        for part, rule in self.rules:
            keep_B &= rule.keep(ids_B, acts_BD[:, part.columns])
        return keep_B

    def judge(self, ids_B: Integer[Tensor, " B"], acts_BD: Float[Tensor, "B D"]) -> Verdict:
        """Which tokens to keep, and how many of the others fall under which rule, at whatever hook point.

        Raises:
            BadInput: an activation is not a number.
        """
        each = [rule.judge(ids_B, acts_BD[:, part.columns]) for part, rule in self.rules]
        keep_B = torch.stack([verdict.keep_B for verdict in each]).all(0)
        kept, special = int(keep_B.sum()), max(verdict.special for verdict in each)
        return Verdict(keep_B, kept, special, len(ids_B) - kept - special)

    def describe(self) -> dict[str, Any]:
        """The rules for manifests and results, by hook point; JSON-able."""
        return {
            "rule": "a token is left out where any hook point's rule says so",
            "hooks": {part.hook: rule.describe() for part, rule in self.rules},
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any], parts: Sequence[Part]) -> JointFilter:
        """The filter that `describe` described, for columns of these hook points."""
        rules = description["hooks"]
        return cls(tuple((part, TokenFilter.from_description(rules[part.hook])) for part in parts))


def norms(acts_BD: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
    """L2 norms in float32, whatever the activations' own format."""
    norms_B: Tensor = torch.linalg.vector_norm(acts_BD, dim=1, dtype=torch.float32)
    return norms_B


def calibrate(norms_B: Float[Tensor, " B"], *, special_ids: frozenset[int], multiple: float) -> TokenFilter:
    """The filter that leaves out special ids and norms above `multiple` × the median.

    Args:
        norms_B: of ordinary tokens; the median withstands the massive ones among them.

    Raises:
        BadInput: the norms have no positive, finite median.
    """
    median = float(norms_B.float().median()) if len(norms_B) else float("nan")
    if not 0 < median < float("inf"):
        raise BadInput(
            f"The activations have no usable median norm: it is {median} over {len(norms_B):,} tokens.",
            remedy="Choose another hook point, load the model with --dtype float32, or switch the outlier rule off.",
        )
    return TokenFilter(special_ids, max_norm=multiple * median, median_norm=median, multiple=multiple)
