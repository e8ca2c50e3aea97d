"""Where activations come from: a model that runs on text (`ModelSource`), or a recording (`RecordedSource`).

A source gives blocks in an order that seed and epoch decide, and can begin at any block, so that whoever reads it can
stop and go on. What the filter leaves out is never in a block. A source reads one hook point, or several side by side:
then a token is in a block where every hook point's filter keeps it.

B tokens in a block, C contexts, T positions, D width of the hook point, or of all of them together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mistudio.activations.block import ActivationBlock, Part, parts_of
from mistudio.activations.calibration import Calibration, calibrate_points, measure
from mistudio.activations.config import Split, StreamConfig
from mistudio.activations.joined import JoinedRecording
from mistudio.activations.outliers import JointFilter, TokenFilter
from mistudio.activations.parquet import Recorded
from mistudio.artifacts.manifest import Input
from mistudio.corpora.tokens import Tokens
from mistudio.errors import BadInput
from mistudio.language_models.hook_points import HookPoint
from mistudio.language_models.hooks import width_of
from mistudio.language_models.loading import LanguageModel
from mistudio.language_models.partial_forward import run_until
from mistudio.progress import Progress, Silent

__all__ = ["ActivationBlock", "ActivationSource", "ModelSource", "Part", "RecordedSource"]

_SAMPLED_ROW_GROUPS = 32


@runtime_checkable
class ActivationSource(Protocol):
    """Activations of one hook point, or of several side by side, over and over."""

    @property
    def d_in(self) -> int:
        """Width of the activations, of all hook points together."""

    @property
    def hook(self) -> str:
        """The hook point, such as `resid_post.15`; of several their names, joined by +."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """Which columns are whose, in the order in which the hook points were named."""

    @property
    def model_name(self) -> str:
        """The model whose activations they are."""

    @property
    def device(self) -> torch.device:
        """Where blocks lie."""

    @property
    def n_tokens(self) -> int:
        """Tokens in an epoch after the filter: exact for a recording, an estimate for a model."""

    @property
    def filter(self) -> TokenFilter | JointFilter:
        """What was left out."""

    @property
    def excluded(self) -> dict[str, float]:
        """How many tokens the filter left out, and of how many, in all or in a sample; for manifests."""

    @property
    def inputs(self) -> list[Input]:
        """The artifacts read, for the manifest of what is made from them."""

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the blocks and their order; JSON-able, equal for equal streams."""

    def blocks(self, epoch: int, start: int = 0) -> Iterator[ActivationBlock]:
        """The epoch's blocks from number `start` on, each always the same; none where `start` is their number."""

    def sample(self, n: int) -> Float[Tensor, "B D"]:
        """At most `n` activations, picked over the whole source; always the same."""


class ModelSource:
    """Activations computed as they are asked for: nothing is stored.

    Args:
        lm: the model to run.
        tokens: text tokenized for that model.
        hook: where to read: a hook point, or several.
        config: its seed, contexts per pass and filter rules.
        split: which contexts.
        filter: what to leave out, such as what an SAE was trained without; by hook point where there are several;
            calibrated by the rules of `config` where None.
        progress: told of the calibration of the filter.

    Raises:
        HookMissing: the model has no such hook point.
        BadInput: the tokens do not fit the model, or a hook point is named twice.
        EmptyCorpus: the split holds no context.
    """

    def __init__(
        self,
        lm: LanguageModel,
        tokens: Tokens,
        hook: HookPoint | str | Sequence[HookPoint | str],
        config: StreamConfig | None = None,
        *,
        split: Split = "train",
        filter: TokenFilter | Mapping[str, TokenFilter] | None = None,  # noqa: A002  the word of the whole interface
        progress: Progress | None = None,
    ) -> None:
        config = config or StreamConfig()
        hooks = [hook] if isinstance(hook, HookPoint | str) else list(hook)
        self.points = tuple(each if isinstance(each, HookPoint) else HookPoint.parse(each) for each in hooks)
        _check_hooks(list(map(str, self.points)))
        self.parts = parts_of({str(point): width_of(lm, point) for point in self.points})
        self.d_in = self.parts[-1].end
        self.hook = _joined(self.parts)
        self.model_name = lm.name
        self.device = lm.device
        self.inputs = [tokens.artifact.as_input()]
        self._lm, self._tokens, self._config, self._split = lm, tokens, config, split
        self._rows = tokens.rows(split)
        self._given = filter is not None
        found = self._calibrated(progress or Silent()) if filter is None else self._measured(filter)
        self._keep_B = torch.stack([found[point].keep_B for point in self.points]).all(0)
        """Which of the calibration sample's tokens are kept."""
        self.filter = (
            found[self.points[0]].filter
            if len(self.points) == 1
            else JointFilter(
                tuple((part, found[point].filter) for part, point in zip(self.parts, self.points, strict=True))
            )
        )

    @property
    def excluded(self) -> dict[str, float]:
        """The share that the filter left out of its calibration sample: nobody knows the rest before it has run."""
        return {
            "share_of_sample": 1 - self._kept_share,
            "sampled_tokens": len(self._keep_B),
        }

    @property
    def n_tokens(self) -> int:
        """Tokens in an epoch, estimated from the share that the filter kept of its calibration sample."""
        return round(len(self._rows) * self._tokens.context_length * self._kept_share)

    @property
    def _kept_share(self) -> float:
        return float(self._keep_B.float().mean())

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the blocks: model, text, hook point, rules; not where the model lies."""
        model = self._lm.identity()
        return {
            "from": "model",
            "model": {name: model[name] for name in ("digest", "dtype", "quantize")},
            "tokens": [one.model_dump(mode="json") for one in self.inputs],
            "hook": self.hook,
            "split": self._split,
            "seed": self._config.seed,
            "batch_contexts": self._config.batch_contexts,
            **self._rules(),
        }

    def blocks(self, epoch: int, start: int = 0) -> Iterator[ActivationBlock]:
        """One block a forward pass, over the contexts in an order that seed and epoch decide."""
        order = np.random.default_rng([self._config.seed, epoch]).permutation(np.asarray(self._rows))
        size = self._config.batch_contexts
        for first in range(start * size, len(order), size):
            yield self._block(order[first : first + size])

    def sample(self, n: int) -> Float[Tensor, "B D"]:
        """At most `n` activations of contexts picked at random."""
        found: list[Tensor] = []
        for block in self.blocks(epoch=0):
            found.append(block.acts_BD)
            if sum(map(len, found)) >= n:
                break
        return torch.cat(found)[:n]

    def _calibrated(self, progress: Progress) -> dict[HookPoint, Calibration]:
        return calibrate_points(
            self._lm,
            self._tokens,
            self.points,
            split=self._split,
            exclude_special=self._config.exclude_special,
            multiple=self._config.outlier_multiple,
            progress=progress,
        )

    def _measured(self, given: TokenFilter | Mapping[str, TokenFilter]) -> dict[HookPoint, Calibration]:
        of_hook = {str(self.points[0]): given} if isinstance(given, TokenFilter) else given
        if set(of_hook) != set(map(str, self.points)):
            raise BadInput(
                f"Filters are given for {', '.join(of_hook)}, and {self.hook} is read.",
                remedy="Give one filter for each hook point, by its name.",
            )
        return {point: measure(self._lm, self._tokens, of_hook[str(point)], split=self._split) for point in self.points}

    def _rules(self) -> dict[str, Any]:
        """What decides what is left out."""
        if self._given:
            return {"filter": self.filter.describe()}
        return {
            "exclude_special": self._config.exclude_special,
            "outlier_multiple": self._config.outlier_multiple,
        }

    def _block(self, contexts_C: Int64[np.ndarray, " C"]) -> ActivationBlock:
        ids_CT = torch.from_numpy(self._tokens.contexts(contexts_C)).to(self.device)
        positions_B = torch.from_numpy(flat_positions(contexts_C, self._tokens.context_length)).to(self.device)
        acts = run_until(self._lm, ids_CT, self.points)
        each = [acts[point].flatten(0, 1) for point in self.points]
        acts_BD = each[0] if len(each) == 1 else torch.cat(each, dim=1)
        ids_B = ids_CT.flatten()
        # Indexing also copies the rows out of inference mode, so that they can be trained on.
        kept = self.filter.keep(ids_B, acts_BD).nonzero().flatten()
        return ActivationBlock(acts_BD[kept], ids_B[kept], positions_B[kept])


class RecordedSource:
    """Activations of a recording, or of several shards of one.

    Args:
        paths: an activations artifact, or the shards of one recording.
        hook: which hook point, where several were recorded; several to read them side by side.
        seed: decides the order of the row groups.

    Raises:
        NotFound, FormatUnsupported: a path is no activations artifact.
        ArtifactBroken: a file is missing, truncated or changed.
        BadInput: a hook point was not recorded or is named twice, or the paths are not shards of one recording.
    """

    device = torch.device("cpu")

    def __init__(
        self, paths: Path | str | Sequence[Path | str], hook: str | Sequence[str] | None = None, *, seed: int = 0
    ) -> None:
        if hook is None or isinstance(hook, str):
            first = Recorded.open(paths, hook)
            self.recorded: Recorded | JoinedRecording = first
            self.parts = parts_of({first.hook: first.d})
        else:
            _check_hooks(list(hook))
            each = [Recorded.open(paths, one) for one in hook]
            first = each[0]
            self.recorded = JoinedRecording(each) if len(each) > 1 else first
            self.parts = parts_of({one.hook: one.d for one in each})
        self.d_in = self.parts[-1].end
        self.hook = _joined(self.parts)
        self.model_name = first.model_name
        self.n_tokens = self.recorded.n_tokens
        self.filter = self.recorded.filter
        self._artifacts = first.artifacts
        self.inputs = [artifact.as_input() for artifact in self._artifacts]
        self._seed = seed

    @property
    def excluded(self) -> dict[str, float]:
        """What the recording left out at these hook points, all shards together."""
        metrics = [artifact.manifest.metrics for artifact in self._artifacts]
        # An id is special or not wherever one looks; all else that was seen and is not here was massive somewhere.
        special = sum(each["hooks"][self.parts[0].hook]["excluded_special"] for each in metrics)
        seen = sum(each["tokens_seen"] for each in metrics)
        return {"special": special, "massive": seen - special - self.n_tokens, "of_tokens": seen}

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the blocks: which recording, hook point and seed."""
        recordings = [one.model_dump(mode="json") for one in self.inputs]
        return {"from": "recording", "recordings": recordings, "hook": self.hook, "seed": self._seed}

    def blocks(self, epoch: int, start: int = 0) -> Iterator[ActivationBlock]:
        """One block a row group, in an order that seed and epoch decide."""
        order = np.random.default_rng([self._seed, epoch]).permutation(self.recorded.n_blocks)
        for index in order[start:]:
            yield self.recorded.read_block(int(index))

    def sample(self, n: int) -> Float[Tensor, "B D"]:
        """At most `n` activations: random rows of random row groups."""
        generator = np.random.default_rng(self._seed)
        found: list[Tensor] = []
        order = generator.permutation(self.recorded.n_blocks)
        share = math.ceil(n / min(len(order), _SAMPLED_ROW_GROUPS))
        for index in order:
            acts_BD = self.recorded.read_block(int(index)).acts_BD
            rows = generator.choice(len(acts_BD), min(share, len(acts_BD)), replace=False)
            found.append(acts_BD[torch.from_numpy(rows)])
            if sum(map(len, found)) >= n:
                break
        return torch.cat(found)[:n]


def _joined(parts: Sequence[Part]) -> str:
    return "+".join(part.hook for part in parts)


def _check_hooks(hooks: Sequence[str]) -> None:
    if not hooks:
        raise BadInput("No hook point is named.", remedy="Name at least one, such as resid_post.15.")
    if len(set(hooks)) < len(hooks):
        raise BadInput(f"A hook point is named twice: {', '.join(hooks)}.", remedy="Name each hook point once.")


def flat_positions(contexts_C: Int64[np.ndarray, " C"], length: int) -> Int64[np.ndarray, " B"]:
    """The flat position of every token of those contexts."""
    return (contexts_C[:, None] * length + np.arange(length)).reshape(-1)
