"""Train several SAEs on one stream of batches: the model runs, or the recording is read, once for all of them.

1. Every configuration at every hook point of the source is a member; each is called after what it differs in.
2. All members learn from the same batches, in the same order, so that each ends bit for bit as if it alone had been
   trained on that stream. One that diverges ends alone.
3. Each finished member becomes an SAE artifact; `sweep.json` and `sweep.html` compare them.

Work lies in a hidden sibling of `out` until all is finished, and one checkpoint holds all members.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from mistudio.activations.stream import ActivationSource
from mistudio.artifacts.atomic import WORK, new_directory
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, open_artifact
from mistudio.errors import ArtifactExists, Diverged
from mistudio.evaluation.result import Evaluation
from mistudio.hardware import best_device
from mistudio.progress import Progress, Silent
from mistudio.training.columns import columns_of, read_parts
from mistudio.training.config import TrainConfig
from mistudio.training.member import Member
from mistudio.training.sweep_page import write_page
from mistudio.training.sweep_result import HeldOut, Sweep, SweepMember, mark_best, read_sweep, write_sweep
from mistudio.training.together import Together, check_width, claim
from mistudio.training.variation import Planned, plan


def train_several(
    source: ActivationSource,
    configs: Sequence[TrainConfig],
    out: Path | str,
    *,
    members_in: Path | None = None,
    progress: Progress | None = None,
    device: torch.device | str | None = None,
) -> list[Artifact]:
    """Train every configuration at every hook point of a source; continue where an interrupted call stopped.

    Args:
        source: where activations come from: a recording or a model, at one hook point or several.
        configs: the runs. They share batch size, buffer and `data_seed`; all else may differ.
        out: the sweep's folder, which must not exist yet: `sweep.json`, `sweep.html`, and each SAE by its name.
        members_in: a folder to put the SAEs into instead, each called after `out` and its own name.
        progress: told the tokens done and the newest numbers; asked at each step whether to stop.
        device: where to train; the best there is where not given.

    Returns:
        The SAEs; those that diverged are missing, and `sweep.json` says why.

    Raises:
        ArtifactExists: `out`, or an SAE that would be written, is there already.
        BadInput: the runs cannot share batches or have not one target, two are the same, or one has fewer latents than
            shall be active.
        ConfigConflict: an interrupted sweep is there, and was started with other options or data.
        EmptyCorpus: the source has too few tokens for a batch.
        Diverged: all members diverged.
        DiskFull: no room for a checkpoint; the last one is kept.
        Interrupted: `progress` asked to stop; a checkpoint was saved.
    """
    out = Path(out).expanduser().absolute()
    parts = {part.hook: part for part in read_parts(source, configs)}
    planned = plan(configs, {hook: part.width for hook, part in parts.items()})
    for one in planned:
        check_width(one.config, parts[one.hook].width)
    places = {one.name: _place(out, one.name, members_in) for one in planned}
    taken = [place for place in places.values() if members_in and place.exists()]
    if taken:
        raise ArtifactExists(f"{taken[0]} exists already.")
    with new_directory(out, resumable=True) as folder:
        members = [
            Member(one.config, folder / one.name, columns_of(source, one.config, parts[one.hook]), name=one.name)
            for one in planned
        ]
        claim(
            folder,
            members={one.name: one.config.model_dump(mode="json") for one in planned},
            source=source.identity,
            origins={member.name: member.origin(source).model_dump(mode="json") for member in members},
        )
        where = torch.device(device) if device else best_device()
        together = Together(members, source, folder, progress or Silent(), where)
        try:
            together.train()
        except Diverged:
            shutil.rmtree(folder)  # They would diverge again, and other options could not continue them.
            raise
        results = []
        for one, member in zip(planned, members, strict=True):
            finished = _finish(member, source, together.seconds)
            path = os.path.relpath(places[one.name], out) if finished else None
            results.append(_result(one, member, path, parts[one.hook].width))
        sweep = Sweep(
            mistudio_version=version("mistudio"),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            model=source.model_name,
            inputs=tuple(source.inputs),
            seconds=round(together.seconds, 1),
            members=mark_best(results),
        )
        write_sweep(sweep, folder)
        write_page(sweep, folder)
    for made in sweep.members:
        shutil.rmtree(out / made.name / WORK, ignore_errors=True)
        if made.path is not None and members_in is not None:
            os.replace(out / made.name, places[made.name])
    return [open_artifact(places[one.name], Kind.SAE) for one in sweep.members if one.path is not None]


def with_evaluations(folder: Path, found: dict[str, Evaluation]) -> Sweep:
    """Take members' numbers on held-out text into a sweep's comparison.

    Args:
        folder: the sweep's.
        found: evaluations by the member's name.

    Returns:
        The comparison, which is written too.

    Raises:
        NotFound: the folder is no sweep's.
        DiskFull: the disk had no room.
    """
    sweep = read_sweep(folder)
    members = [
        member.model_copy(update={"held_out": _held_out(found[member.name])}) if member.name in found else member
        for member in sweep.members
    ]
    sweep = sweep.model_copy(update={"members": mark_best(members)})
    write_sweep(sweep, folder)
    write_page(sweep, folder)
    return sweep


def _place(out: Path, name: str, members_in: Path | None) -> Path:
    return out / name if members_in is None else members_in.absolute() / f"{out.name}-{name}"


def _finish(member: Member, source: ActivationSource, seconds: float) -> bool:
    """Write the SAE of a member that reached its end; of another one remove what there is."""
    if member.diverged is not None:
        shutil.rmtree(member.folder)
        return False
    member.finish(source, seconds)
    return True


def _result(one: Planned, member: Member, path: str | None, d_in: int) -> SweepMember:
    config, report = one.config, member.report if path else None
    width = config.sae.width(d_in)
    return SweepMember(
        name=one.name,
        path=path,
        hook=one.hook,
        architecture=config.sae.architecture,
        k=config.sae.k,
        d_sae=width,
        learning_rate=member.run.learning_rate if member.run else config.learning_rate(width),
        tokens=report.tokens if report else 0,
        differs=dict(one.differs),
        l0=report.l0 if report else None,
        fvu=report.fvu if report else None,
        dead_share=report.dead_share if report else None,
        diverged=member.diverged,
    )


def _held_out(evaluation: Evaluation) -> HeldOut:
    return HeldOut.model_validate({name: getattr(evaluation, name) for name in HeldOut.model_fields})
