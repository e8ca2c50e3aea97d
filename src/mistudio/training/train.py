"""Train an SAE from a source of activations into an SAE artifact.

1. Sample activations for the scale and the decoder bias.
2. Shuffle, step, write a line of training.jsonl every few steps, save a checkpoint every few hundred.
3. Fold the scale into the weights, write the SAE's files, seal.

Work lies in a hidden sibling of `out` until it is finished. Interrupted or killed, the same call goes on from the last
checkpoint; with another configuration or other data it refuses. Several SAEs on one stream: `sweep.py`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from mistudio.activations.stream import ActivationSource
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, open_artifact
from mistudio.errors import BadInput, Diverged
from mistudio.hardware import best_device
from mistudio.progress import Progress, Silent
from mistudio.sae.collective import SINGLE, Mesh
from mistudio.training.columns import columns_of, read_part
from mistudio.training.config import TrainConfig
from mistudio.training.member import Member
from mistudio.training.shared_files import shared_directory
from mistudio.training.shared_progress import SharedProgress
from mistudio.training.shared_source import SharedSource
from mistudio.training.together import Together, check_width, claim


def train(
    source: ActivationSource,
    config: TrainConfig,
    out: Path | str,
    *,
    progress: Progress | None = None,
    device: torch.device | str | None = None,
    mesh: Mesh = SINGLE,
) -> Artifact:
    """Train an SAE; continue where an interrupted call stopped.

    Args:
        source: where activations come from: a recording or a model.
        config: the run.
        out: the SAE's directory, which must not exist yet.
        progress: told the tokens done and the newest numbers; asked at each step whether to stop.
        device: where to train; the best there is where not given.
        mesh: the processes that train together, each of which calls this; `training.parallel` makes it.

    Raises:
        ArtifactExists: `out` is there already.
        BadInput: more latents shall be active than there are, the source holds other hook points than are read and
            reconstructed, or the work can't be divided among the processes.
        ConfigConflict: an interrupted run is there, and was started with other options or data.
        EmptyCorpus: the source has too few tokens for a batch.
        Diverged: the loss became infinite or undefined.
        DiskFull: no room for a checkpoint; the last one is kept.
        Interrupted: `progress` asked to stop; a checkpoint was saved.
        RankLost: another process of `mesh` has ended.
    """
    read = read_part(source, config)
    check_width(config, read.width)
    progress = progress or Silent()
    if mesh.everyone.size > 1:
        _check_for_several(config, mesh)
        source, progress = SharedSource(source, mesh.everyone), SharedProgress(progress, mesh.everyone)
    with shared_directory(out, mesh.everyone) as folder:
        member = Member(config, folder, columns_of(source, config, read))
        if mesh.leads:
            # Processes that share out the tokens may be more or fewer from now on.
            shards = {"latent_shards": mesh.latents.size} if mesh.latents.size > 1 else {}
            claim(
                folder,
                config=config.model_dump(mode="json") | shards,
                source=source.identity,
                origin=member.origin(source).model_dump(mode="json"),
            )
        where = torch.device(device) if device else best_device()
        together = Together([member], source, folder, progress, where, mesh)
        try:
            together.train()
        except Diverged:
            if mesh.leads:
                shutil.rmtree(folder)  # It would diverge again, and other options could not continue it.
            raise
        member.finish(source, together.seconds)
    return open_artifact(Path(out), Kind.SAE)


def _check_for_several(config: TrainConfig, mesh: Mesh) -> None:
    """Refuse what processes that train together can't do."""
    if config.batch_size % mesh.tokens.size:
        raise BadInput(
            f"A batch of {config.batch_size:,} tokens can't be divided among {mesh.tokens.size} processes.",
            remedy=f"Choose a --batch-size that is a multiple of {mesh.tokens.size}.",
        )
    if config.lr == "auto" or config.validation.validate_every is not None:
        raise BadInput(
            "The learning rate is searched, and tokens are held back for validation, by one process alone.",
            remedy="Leave out --lr auto and --validate-every, or train without torchrun.",
        )
