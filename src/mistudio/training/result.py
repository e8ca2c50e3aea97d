"""The SAE artifact that a run becomes: at its end, or at the state of a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mistudio.activations.stream import ActivationSource
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Input, seal
from mistudio.config import Config
from mistudio.sae.native_file import save_sae
from mistudio.sae.sharded_file import save_sharded_sae
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.training.checkpoint import load_checkpoint, run_at
from mistudio.training.layout import LOG, RATE_SEARCH
from mistudio.training.run import Report, TrainingRun
from mistudio.training.validation import Validation


class Origin(Config):
    """What an SAE says of the activations that it was trained on; kept with the run, to be there without them."""

    hook: str
    hook_out: str | None = None
    """What a transcoder writes."""
    model_name: str
    token_filter: dict[str, Any]
    """What was left out."""
    excluded: dict[str, Any]
    """How much that was."""
    inputs: tuple[Input, ...]

    @classmethod
    def of(cls, source: ActivationSource) -> Origin:
        """What a source says."""
        return cls(
            hook=source.hook,
            model_name=source.model_name,
            token_filter=source.filter.describe(),
            excluded=dict(source.excluded),
            inputs=tuple(source.inputs),
        )


def write_sae(
    run: TrainingRun,
    origin: Origin,
    report: Report,
    seconds: float,
    folder: Path,
    *,
    finished: bool = True,
    run_folder: Path | None = None,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write the files of the SAE that the run is now, and seal them; of several processes each calls this.

    Args:
        run: what has been trained.
        origin: what it was trained on.
        report: the newest numbers of its log.
        seconds: that it trained.
        folder: where to; it holds the log already.
        finished: whether the run ended, rather than being looked at on its way.
        run_folder: the run's; `folder` where not given.
        more: further numbers for the manifest.
    """
    config, weights = run.result()
    about: dict[str, Any] = {
        "hook": origin.hook,
        "hook_out": origin.hook_out,
        "model_name": origin.model_name,
        "metadata": {
            "training_architecture": run.config.sae.architecture,
            "training_tokens": run.tokens_done,
            "training_normalisation": run.config.normalisation,
            **run.normalisation.facts(),
            "token_filter": origin.token_filter,
        },
        "normalisation": "layer_norm" if run.normalisation.outside else "none",
    }
    share_F = torch.cat(run.mesh.latents.gather(run.firing.firing_share_F()))
    if run.mesh.latents.size > 1:
        save_sharded_sae(config, weights, folder, run.mesh, **about, firing_share_F=share_F)
    elif run.mesh.leads:
        save_sae(SparseAutoencoder(config, weights, **about), folder, firing_share_F=share_F)
    if not run.mesh.leads:
        return
    seal(
        folder,
        Kind.SAE,
        config=run.config.model_dump(mode="json"),
        inputs=origin.inputs,
        metrics={
            **report._asdict(),
            "seconds": round(seconds, 1),
            "tokens_per_second": round(run.tokens_done / max(seconds, 1e-9)),
            "learning_rate": run.learning_rate,
            "token_filter": origin.token_filter,
            "excluded": origin.excluded,
            "finished": finished,
            "taken_at_step": run.steps_done,
            "taken_at_tokens": run.tokens_done,
            "of_steps": run.config.steps,
            **_rate_search(run_folder or folder),
            **(more or {}),
        },
    )


def _rate_search(run_folder: Path) -> dict[str, Any]:
    path = run_folder / RATE_SEARCH
    return {"learning_rate_search": json.loads(path.read_text(encoding="utf-8"))} if path.is_file() else {}


def finish(
    run: TrainingRun, origin: Origin, report: Report, seconds: float, folder: Path, validation: Validation | None
) -> None:
    """Write the SAE of a run at its end: of its last state, or of its best one where that was asked for."""
    if validation is None:
        write_sae(run, origin, report, seconds, folder)
        return
    found = {"validation": validation.summary(stopped_early=run.steps_done < run.config.steps)}
    best = validation.best_state() if run.config.validation.finish_with == "best" else None
    if best is not None:
        tensors, facts = load_checkpoint(best)
        run = run_at(run.config, tensors, facts, run.weights.b_dec_D.device)
        report = last_report(folder, log_bytes=int(facts["log_bytes"])) or report
    write_sae(run, origin, report, seconds, folder, more=found)


def last_report(folder: Path, *, log_bytes: int | None = None) -> Report | None:
    """The numbers in the last line of a run's log, or of its first `log_bytes`; None where there is no line."""
    lines = (folder / LOG).read_bytes()[:log_bytes].decode().splitlines()
    if not lines:
        return None
    content = json.loads(lines[-1])
    return Report(**{name: content[name] for name in Report._fields})
