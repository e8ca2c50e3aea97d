"""Train an SAE from a source of activations into an SAE artifact.

1. Sample activations for the scale and the decoder bias.
2. Shuffle, step, write a line of training.jsonl every few steps, save a checkpoint every few hundred.
3. Fold the scale into the weights, write the SAE's files, seal.

Work lies in a hidden sibling of `out` until it is finished. Interrupted or killed, the same call goes on from the last
checkpoint; with another configuration or other data it refuses.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import torch

from mistudio.activations.block import Part
from mistudio.activations.config import StreamConfig
from mistudio.activations.shuffle_buffer import ShuffledStream
from mistudio.activations.stream import ActivationSource
from mistudio.artifacts.atomic import new_directory, write_json
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, open_artifact, seal
from mistudio.errors import BadInput, ConfigConflict, Diverged, Interrupted
from mistudio.hardware import best_device
from mistudio.progress import Progress, Silent
from mistudio.sae.native_file import save_sae
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.training.checkpoint import load_checkpoint, save_checkpoint
from mistudio.training.config import TrainConfig
from mistudio.training.layout import LOG, RUN, latest_checkpoint
from mistudio.training.pair import PairScale
from mistudio.training.run import Report, TrainingRun
from mistudio.training.starting_point import StartingPoint, starting_pair, starting_point

_SAMPLE_TOKENS = 20_000


def train(
    source: ActivationSource,
    config: TrainConfig,
    out: Path | str,
    *,
    progress: Progress | None = None,
    device: torch.device | str | None = None,
) -> Artifact:
    """Train an SAE; continue where an interrupted call stopped.

    Args:
        source: where activations come from: a recording or a model.
        config: the run.
        out: the SAE's directory, which must not exist yet.
        progress: told the tokens done and the newest numbers; asked at each step whether to stop.
        device: where to train; the best there is where not given.

    Raises:
        ArtifactExists: `out` is there already.
        BadInput: more latents shall be active than there are, or the source holds other hook points than are read and
            reconstructed.
        ConfigConflict: an interrupted run is there, and was started with other options or data.
        EmptyCorpus: the source has too few tokens for a batch.
        Diverged: the loss became infinite or undefined.
        DiskFull: no room for a checkpoint; the last one is kept.
        Interrupted: `progress` asked to stop; a checkpoint was saved.
    """
    progress = progress or Silent()
    width = config.sae.width(read_part(source, config).width)
    if config.sae.k > width:
        raise BadInput(
            f"{config.sae.k} latents shall be active, and the SAE has only {width}.",
            remedy="Choose a smaller --k, or a larger --expansion or --d-sae.",
        )
    with new_directory(Path(out), resumable=True) as folder:
        stream = ShuffledStream(
            source,
            StreamConfig(
                buffer_tokens=max(config.buffer_tokens, config.batch_size),
                batch_size=config.batch_size,
                seed=config.seed,
            ),
            progress=progress,
        )
        _claim(folder, source, config)
        run, seconds = _start_or_resume(
            folder, source, config, stream, torch.device(device) if device else best_device()
        )
        try:
            report, seconds = _loop(run, stream, folder, progress, seconds)
        except Diverged:
            shutil.rmtree(folder)  # It would diverge again, and other options could not continue it.
            raise
        _finish(run, source, report, seconds, folder)
    return open_artifact(Path(out), Kind.SAE)


def read_part(source: ActivationSource, config: TrainConfig) -> Part:
    """The columns that the encoder reads.

    Raises:
        BadInput: the source holds other hook points than are read and reconstructed.
    """
    if config.sae.target is None:
        return Part(source.hook, 0, source.d_in)
    read = source.parts[0]
    target = config.sae.target_of(read.hook)
    if [part.hook for part in source.parts[1:]] != [target]:
        raise BadInput(
            f"The activations are of {source.hook}, and {target} is to be reconstructed from {read.hook}.",
            remedy=f"Read both hook points, in this order: {read.hook}, {target}.",
        )
    return read


def _claim(folder: Path, source: ActivationSource, config: TrainConfig) -> None:
    """Write down what this run is, or check that it is still the same."""
    wanted = json.loads(json.dumps({"config": config.model_dump(mode="json"), "source": source.identity}))
    path = folder / RUN
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        write_json(path, wanted)
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    differing = [
        name
        for part in ("config", "source")
        for name in sorted({*wanted[part], *found[part]})
        if wanted[part].get(name) != found[part].get(name)
    ]
    if differing:
        raise ConfigConflict(
            f"An unfinished run lies in {folder}, and differs in: {', '.join(differing)}.",
            remedy="Repeat its options to continue it, choose another --out, or remove that folder.",
        )


def _start_or_resume(
    folder: Path, source: ActivationSource, config: TrainConfig, stream: ShuffledStream, device: torch.device
) -> tuple[TrainingRun, float]:
    checkpoint = latest_checkpoint(folder)
    if checkpoint is None:
        (folder / LOG).write_bytes(b"")
        sample_BD = source.sample(_SAMPLE_TOKENS)
        start = (
            starting_point(sample_BD, config.b_dec_start)
            if config.sae.target is None
            else starting_pair(sample_BD, read_part(source, config).width, config.b_dec_start)
        )
        return TrainingRun(config, start, device), 0.0
    tensors, facts = load_checkpoint(checkpoint, stream)
    start = StartingPoint(float(facts["scale"]), tensors["weights.b_dec_D"], PairScale.of_state(tensors))
    run = TrainingRun(config, start, device)
    run.restore(tensors, facts)
    os.truncate(folder / LOG, int(facts["log_bytes"]))  # Lines after the checkpoint will be written again.
    return run, float(facts["seconds"])


def _loop(
    run: TrainingRun, stream: ShuffledStream, folder: Path, progress: Progress, seconds_before: float
) -> tuple[Report, float]:
    config, started = run.config, time.monotonic()
    report = _last_line(folder)

    def save() -> None:
        tensors, facts = run.state()
        facts |= {"log_bytes": (folder / LOG).stat().st_size, "seconds": elapsed()}
        save_checkpoint(folder, run.steps_done, tensors, facts, stream)

    def elapsed() -> float:
        return seconds_before + time.monotonic() - started

    try:
        with (folder / LOG).open("a", encoding="utf-8") as log:
            while run.steps_done < config.steps:
                progress.checkpoint()
                last = run.steps_done + 1 == config.steps
                due = run.steps_done % config.log_every == 0 or last
                new = run.step(stream.next_batch().acts_BD, report=due)
                if new is not None:
                    report = new
                    log.write(json.dumps({**new._asdict(), "seconds": round(elapsed(), 3)}) + "\n")
                    log.flush()
                progress.advance("train", run.tokens_done, config.steps * config.batch_size, **_shown(report))
                if run.steps_done % config.checkpoint_steps() == 0 and not last:
                    save()
    except Interrupted:
        save()
        raise
    if report is None:
        raise Diverged("The run has no numbers: its log is empty.")
    return report, elapsed()


def _shown(report: Report | None) -> dict[str, float]:
    return {} if report is None else {"fvu": report.fvu, "dead": report.dead_share}


def _last_line(folder: Path) -> Report | None:
    lines = (folder / LOG).read_text(encoding="utf-8").splitlines()
    if not lines:
        return None
    content = json.loads(lines[-1])
    return Report(**{name: content[name] for name in Report._fields})


def _finish(run: TrainingRun, source: ActivationSource, report: Report, seconds: float, folder: Path) -> None:
    config, weights = run.result()
    sae = SparseAutoencoder(
        config,
        weights,
        hook=read_part(source, run.config).hook,
        hook_out=source.parts[-1].hook if run.config.sae.target else None,
        model_name=source.model_name,
        metadata=_provenance(run, source),
    )
    save_sae(sae, folder, firing_share_F=run.firing.firing_share_F())
    seal(
        folder,
        Kind.SAE,
        config=run.config.model_dump(mode="json"),
        inputs=source.inputs,
        metrics={
            **report._asdict(),
            "seconds": round(seconds, 1),
            "tokens_per_second": round(run.tokens_done / max(seconds, 1e-9)),
            "learning_rate": run.config.learning_rate(sae.d_sae),
            "token_filter": source.filter.describe(),
            "excluded": source.excluded,
        },
    )


def _provenance(run: TrainingRun, source: ActivationSource) -> dict[str, Any]:
    return {
        "training_architecture": run.config.sae.architecture,
        "training_tokens": run.tokens_done,
        "training_scale": run.scale,
        "token_filter": source.filter.describe(),
    }
