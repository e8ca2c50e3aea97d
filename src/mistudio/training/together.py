"""Runs that share a stream: each batch is read, or computed by the model, once, and every run learns from it.

1. Sample activations for the scale and the decoder bias; start the members, or put them back to the last checkpoint.
2. For each batch let every member that wants more take its step. One that diverges ends alone; the others go on.
3. One checkpoint holds all members and the stream, so that all go on bit for bit.

B tokens, D width of all hook points together.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mistudio.activations.block import Part
from mistudio.activations.config import StreamConfig
from mistudio.activations.shuffle_buffer import ShuffledStream
from mistudio.activations.stream import ActivationSource
from mistudio.artifacts.atomic import write_json
from mistudio.errors import BadInput, ConfigConflict, Diverged, Interrupted
from mistudio.progress import Progress
from mistudio.sae.collective import SINGLE, Mesh
from mistudio.training.checkpoint import load_checkpoint, run_at, save_checkpoint
from mistudio.training.columns import read_part
from mistudio.training.config import TrainConfig
from mistudio.training.held_back import HeldBack
from mistudio.training.layout import RUN, latest_checkpoint
from mistudio.training.member import Member
from mistudio.training.rate_search import rate_of
from mistudio.training.run import TrainingRun
from mistudio.training.shared_files import load_shard, saving_shards
from mistudio.training.starting_point import StartingPoint, start_of

_SAMPLE_TOKENS = 20_000


def check_width(config: TrainConfig, d_in: int) -> None:
    """Check that there are as many latents as shall be active.

    Raises:
        BadInput: there are fewer.
    """
    width = config.sae.width(d_in)
    wanted = max(config.sae.k, config.k_start or 0)
    if wanted > width:
        raise BadInput(
            f"{wanted} latents shall be active, and the SAE has only {width}.",
            remedy="Choose a smaller --k or --k-start, or a larger --expansion or --d-sae.",
        )


def claim(folder: Path, **parts: Mapping[str, Any]) -> None:
    """Write down what is trained in a folder, or check that it is still the same.

    Args:
        folder: the unfinished directory.
        parts: all that decides the result.

    Raises:
        ConfigConflict: something else is being trained there.
    """
    wanted = json.loads(json.dumps(parts))
    path = folder / RUN
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        write_json(path, wanted)
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    differing = [
        name
        for part in sorted({*wanted, *found})
        for name in sorted({*wanted.get(part, {}), *found.get(part, {})})
        if wanted.get(part, {}).get(name) != found.get(part, {}).get(name)
    ]
    if differing:
        raise ConfigConflict(
            f"An unfinished run lies in {folder}, and differs in: {', '.join(differing)}.",
            remedy="Repeat its options to continue it, choose another --out, or remove that folder.",
        )


class Together:
    """Members in training on one stream.

    Args:
        members: who takes part; what decides the stream is that of the first.
        source: where activations come from.
        folder: where the checkpoints are.
        progress: told the tokens done and the newest numbers; asked at each step whether to stop.
        device: where to train.
        mesh: the processes that train together, each of which has all members.
    """

    def __init__(
        self,
        members: Sequence[Member],
        source: ActivationSource,
        folder: Path,
        progress: Progress,
        device: torch.device,
        mesh: Mesh = SINGLE,
    ) -> None:
        config = members[0].config
        self.members = members
        self.seconds = 0.0
        """That training has taken, interruptions left out."""
        self._steps = 0
        self._folder, self._progress, self._mesh = folder, progress, mesh
        source = _with_validation(members, source)
        self._stream = ShuffledStream(
            source,
            StreamConfig(
                buffer_tokens=max(config.buffer_tokens, config.batch_size),
                batch_size=config.batch_size,
                seed=config.order_seed,
            ),
            progress=progress,
        )
        checkpoint = latest_checkpoint(folder)
        if checkpoint is None:
            self._begin(source, device)
        else:
            self._resume(checkpoint, device)

    def _begin(self, source: ActivationSource, device: torch.device) -> None:
        sample_BD = source.sample(_SAMPLE_TOKENS)
        starts: dict[tuple[Part, str, str], StartingPoint] = {}
        for member in self.members:
            config = member.config
            place = member.part, config.b_dec_start, config.normalisation
            if place not in starts:
                starts[place] = start_of(config, sample_BD[:, member.part.columns], read_part(source, config).width)
            start, rate = starts[place], None
            if config.lr == "auto":
                columns = member.part.columns
                rate = rate_of(config, source, start, member.folder, device, self._progress, columns=columns)
            member.begin(TrainingRun(config, start, device, self._mesh, learning_rate=rate))

    def _resume(self, checkpoint: Path, device: torch.device) -> None:
        tensors, facts = load_checkpoint(checkpoint, self._stream)
        self._steps, self.seconds = int(facts["step"]), float(facts["seconds"])
        tensors = load_shard(self._folder, self._steps, tensors, self._mesh)
        for member in self.members:
            mine = {name.removeprefix(_prefix(member)): t for name, t in tensors.items() if _is_of(member, name)}
            facts_of = facts["members"][member.name] if member.name else facts
            if not mine:
                member.continue_from(None, facts_of)
                continue
            step = facts_of.get("stopped_at") or min(self._steps, member.config.steps)
            run = run_at(member.config, mine, facts_of | {"step": step}, device, self._mesh)
            member.continue_from(run, facts_of)

    def train(self) -> None:
        """Train until every member is finished or has diverged.

        Raises:
            Diverged: all have.
            Interrupted: `progress` asked to stop; a checkpoint was saved.
            DiskFull: no room for a checkpoint; the last one is kept.
        """
        last = max(member.config.steps for member in self.members)
        every = min(member.config.checkpoint_steps() for member in self.members)
        batch_size = self.members[0].config.batch_size
        before, began = self.seconds, time.monotonic()
        try:
            while any(member.wants(self._steps) for member in self.members):
                self._progress.checkpoint()
                acts_BD = self._stream.next_batch().acts_BD
                self.seconds = before + time.monotonic() - began
                for member in self.members:
                    if member.wants(self._steps):
                        member.step(acts_BD, self._steps, self.seconds)
                self._steps += 1
                self._check_alive()
                self._progress.advance("train", self._steps * batch_size, last * batch_size, **self._shown())
                if self._steps % every == 0 and self._steps < last:
                    self._save(before + time.monotonic() - began)
        except Interrupted:
            self._save(before + time.monotonic() - began)
            raise
        self.seconds = before + time.monotonic() - began

    def _check_alive(self) -> None:
        if all(member.diverged is not None for member in self.members):
            raise Diverged(str(self.members[-1].diverged))

    def _save(self, seconds: float) -> None:
        tensors: dict[str, Tensor] = {}
        facts: dict[str, Any] = {"seconds": seconds}
        for member in self.members:
            mine, facts_of = member.state()
            tensors |= {f"{_prefix(member)}{name}": tensor for name, tensor in mine.items()}
            if member.name:
                facts.setdefault("members", {})[member.name] = facts_of
            else:
                facts |= facts_of
        keep = max(member.config.keep_checkpoints for member in self.members)
        with saving_shards(self._folder, self._steps, tensors, self._mesh) as leads:
            if leads:
                save_checkpoint(self._folder, self._steps, tensors, facts, self._stream, keep)
        for member in self.members:
            member.checkpoint_saved()

    def _shown(self) -> dict[str, float]:
        reports = [member.report for member in self.members if member.report and member.diverged is None]
        if not reports:
            return {}
        if len(self.members) == 1:
            return {"fvu": reports[0].fvu, "dead": reports[0].dead_share}
        return {"best_fvu": min(each.fvu for each in reports), "worst_fvu": max(each.fvu for each in reports)}


def _with_validation(members: Sequence[Member], source: ActivationSource) -> ActivationSource:
    """The source without the tokens that some member is validated on; as it is where none is."""
    wanted = [member.config.validation for member in members]
    tokens = [each.validation_tokens for each in wanted if each.validate_every is not None]
    if not tokens:
        return source
    held = HeldBack(source, max(tokens))
    for member in members:
        member.validate_on(held.acts_ND)
    return held


def _prefix(member: Member) -> str:
    return f"{member.name}/" if member.name else ""


def _is_of(member: Member, name: str) -> bool:
    return name.startswith(_prefix(member))
