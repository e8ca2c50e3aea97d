"""Make an SAE of a run that is not finished: paused, cancelled, killed, or still going on.

The SAE is bit for bit what a run of that state would have saved. Nothing of the run is touched: it can still be
continued.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import ValidationError
from torch import Tensor

from mistudio.artifacts.atomic import new_directory, partial_of
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import MANIFEST, Artifact, open_artifact
from mistudio.errors import ArtifactBroken, BadInput, NotAllowedNow, NotFound
from mistudio.hardware import best_device
from mistudio.training.checkpoint import load_checkpoint, run_at
from mistudio.training.config import TrainConfig
from mistudio.training.layout import FACTS, LOG, RUN, VALIDATION_LOG, best_of, checkpoints_of, run_of, step_of
from mistudio.training.result import Origin, last_report, write_sae

_TRIES = 3
"""A run that goes on may remove the checkpoint that is being read."""


class _Run(NamedTuple):
    """What the run wrote down when it began."""

    config: TrainConfig
    origin: Origin


def finalize(
    run: Path | str,
    out: Path | str,
    *,
    step: int | None = None,
    best: bool = False,
    member: str | None = None,
    device: torch.device | str | None = None,
) -> Artifact:
    """Make an SAE from a checkpoint of a run.

    Args:
        run: where the run's SAE was to be, the hidden folder beside it, or one of its checkpoints.
        out: the new SAE's directory, which must not exist yet.
        step: which of the run's checkpoints; the newest where not given.
        best: instead the state with the best validation; the run was told to keep it.
        member: of a sweep, which of its SAEs.
        device: where the last sums are computed: best where the run was; the best there is where not given.

    Returns:
        The SAE. Its manifest says `finished: false`, and `taken_at_step` of how many steps.

    Raises:
        NotFound: no unfinished run is there, or no such checkpoint or member.
        NotAllowedNow: the run is finished, or has not trained yet.
        BadInput: `out` is where an unfinished run will put its own SAE.
        ArtifactExists: `out` is there already.
        ArtifactBroken: a file of the run or of the checkpoint cannot be read.
        DiskFull: the SAE does not fit.
    """
    run, out = (Path(each).expanduser().absolute() for each in (run, out))
    if (partial_of(out) / RUN).exists():
        raise BadInput(f"{out} is where an unfinished run will put its own SAE.", remedy="Choose another --out.")
    place = torch.device(device) if device else best_device()
    for tried in range(1, _TRIES + 1):
        folder, checkpoint = _checkpoint(run, step, best=best, member=member)
        try:
            tensors, facts = load_checkpoint(checkpoint)
            break
        except ArtifactBroken:
            if checkpoint.exists() or tried == _TRIES:
                raise
    config, origin = _read_run(folder, member)
    if member is not None:
        tensors, facts = _of_member(member, tensors, facts, config)
        folder = folder / member
    report = last_report(folder, log_bytes=int(facts["log_bytes"]))
    if report is None:
        raise NotAllowedNow(
            f"The run in {folder} has not trained yet.", remedy="Continue it, and finalize it at a later checkpoint."
        )
    with new_directory(out) as partial:
        (partial / LOG).write_bytes((folder / LOG).read_bytes()[: int(facts["log_bytes"])])
        if "validation" in facts:
            lines = (folder / VALIDATION_LOG).read_bytes()[: int(facts["validation"]["log_bytes"])]
            (partial / VALIDATION_LOG).write_bytes(lines)
        state = run_at(config, tensors, facts, place)
        write_sae(state, origin, report, float(facts["seconds"]), partial, finished=False, run_folder=folder)
    return open_artifact(out, Kind.SAE)


def _of_member(
    member: str, tensors: dict[str, Tensor], facts: dict[str, Any], config: TrainConfig
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A member's part of a checkpoint; its best state, which it has alone, is all its own."""
    if "members" not in facts:
        return tensors, facts
    own = facts["members"][member]
    if own.get("diverged") is not None:
        raise NotAllowedNow(f"{member} has diverged: {own['diverged']}", remedy="Choose another member.")
    step = own.get("stopped_at") or min(int(facts["step"]), config.steps)
    mine = {name.removeprefix(f"{member}/"): t for name, t in tensors.items() if name.startswith(f"{member}/")}
    return mine, own | {"step": step, "seconds": facts["seconds"]}


def _checkpoint(run: Path, step: int | None, *, best: bool, member: str | None) -> tuple[Path, Path]:
    """The folder of the run, and the checkpoint that is meant."""
    if (run / FACTS).is_file():
        if step not in (None, step_of(run)):
            raise BadInput(f"{run} is of another step than {step}.", remedy="Leave out --step.")
        return run_of(run), run
    folder = next((each for each in (partial_of(run), run) if (each / RUN).is_file()), None)
    if folder is None:
        if (run / MANIFEST).is_file():
            raise NotAllowedNow(f"{run} is finished.", remedy="Use it as it is.")
        raise NotFound(
            f"No unfinished run is at {run}.",
            remedy="Give the --out of the unfinished run, the hidden folder beside it, or one of its checkpoints.",
        )
    if best:
        return folder, _best(folder / (member or ""))
    found = {step_of(each): each for each in checkpoints_of(folder)}
    if not found:
        raise NotFound(f"The run in {folder} has no checkpoint yet.", remedy="Let it train longer.")
    wanted = max(found) if step is None else step
    if wanted not in found:
        raise NotFound(
            f"The run in {folder} has no checkpoint of step {wanted}.",
            remedy=f"Choose one of these with --step: {', '.join(map(str, found))}.",
        )
    return folder, found[wanted]


def _best(folder: Path) -> Path:
    found = best_of(folder)
    if found is None:
        raise NotFound(
            f"The run in {folder} has no best state.",
            remedy="Finalize its newest checkpoint. A best state is there once one has its L0 within 5 % of k, if the "
            "run was started with --validate-every and --keep-best.",
        )
    return found


def _read_run(folder: Path, member: str | None) -> _Run:
    try:
        content: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
        names = list(content.get("members", ()))
        if names and member in names:
            config, origin = content["members"][member], content["origins"][member]
        elif not names and member is None:
            config, origin = content["config"], content["origin"]
        else:
            raise NotFound(
                f"The run in {folder} has no member {member!r}." if member else f"{folder} holds several SAEs.",
                remedy=f"Choose one with --member: {', '.join(names)}." if names else "Leave out --member.",
            )
        if shards := config.pop("latent_shards", None):
            raise NotAllowedNow(
                f"The latents of this run are divided among {shards} processes.",
                remedy="Continue it to its end with the command that began it.",
            )
        return _Run(TrainConfig.model_validate(config), Origin.model_validate(origin))
    except (OSError, ValueError, KeyError, ValidationError) as error:
        raise ArtifactBroken(
            f"{folder / RUN} does not say what the run is.",
            remedy="Finish the run with the command that began it.",
        ) from error
