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

import torch

from mistudio.activations.config import StreamConfig
from mistudio.activations.shuffle_buffer import ShuffledStream
from mistudio.activations.stream import ActivationSource
from mistudio.artifacts.atomic import new_directory, write_json
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, open_artifact
from mistudio.errors import BadInput, ConfigConflict, Diverged, Interrupted
from mistudio.hardware import best_device
from mistudio.progress import Progress, Silent
from mistudio.training.checkpoint import load_checkpoint, run_at, save_checkpoint
from mistudio.training.config import TrainConfig
from mistudio.training.held_back import HeldBack
from mistudio.training.layout import LOG, RUN, latest_checkpoint
from mistudio.training.rate_search import rate_of
from mistudio.training.result import Origin, finish, last_report
from mistudio.training.run import Report, TrainingRun
from mistudio.training.starting_point import starting_point
from mistudio.training.validation import Validation

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
        BadInput: more latents shall be active than there are.
        ConfigConflict: an interrupted run is there, and was started with other options or data.
        EmptyCorpus: the source has too few tokens for a batch.
        Diverged: the loss became infinite or undefined.
        DiskFull: no room for a checkpoint; the last one is kept.
        Interrupted: `progress` asked to stop; a checkpoint was saved.
    """
    progress = progress or Silent()
    width = config.sae.width(source.d_in)
    if config.sae.k > width:
        raise BadInput(
            f"{config.sae.k} latents shall be active, and the SAE has only {width}.",
            remedy="Choose a smaller --k, or a larger --expansion or --d-sae.",
        )
    with new_directory(Path(out), resumable=True) as folder:
        validation = None
        if config.validation.validate_every is not None:
            source = HeldBack(source, config.validation.validation_tokens)
            validation = Validation(config, source.acts_ND, folder)
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
        place = torch.device(device) if device else best_device()
        run, seconds = _start_or_resume(folder, source, config, stream, place, validation, progress)
        try:
            report, seconds = _loop(run, stream, folder, progress, seconds, validation)
        except Diverged:
            shutil.rmtree(folder)  # It would diverge again, and other options could not continue it.
            raise
        finish(run, Origin.of(source), report, seconds, folder, validation)
    return open_artifact(Path(out), Kind.SAE)


def _claim(folder: Path, source: ActivationSource, config: TrainConfig) -> None:
    """Write down what this run is, or check that it is still the same."""
    wanted = json.loads(json.dumps({"config": config.model_dump(mode="json"), "source": source.identity}))
    wanted["origin"] = Origin.of(source).model_dump(mode="json")
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
    folder: Path,
    source: ActivationSource,
    config: TrainConfig,
    stream: ShuffledStream,
    device: torch.device,
    validation: Validation | None,
    progress: Progress,
) -> tuple[TrainingRun, float]:
    checkpoint = latest_checkpoint(folder)
    if checkpoint is None:
        if validation is not None:
            validation.begin(None)
        (folder / LOG).write_bytes(b"")
        start = starting_point(source.sample(_SAMPLE_TOKENS), config.b_dec_start)
        rate = rate_of(config, source, start, folder, device, progress) if config.lr == "auto" else None
        return TrainingRun(config, start, device, learning_rate=rate), 0.0
    tensors, facts = load_checkpoint(checkpoint, stream)
    run = run_at(config, tensors, facts, device)
    if validation is not None:
        validation.begin(facts["validation"])
    os.truncate(folder / LOG, int(facts["log_bytes"]))  # Lines after the checkpoint will be written again.
    return run, float(facts["seconds"])


def _loop(
    run: TrainingRun,
    stream: ShuffledStream,
    folder: Path,
    progress: Progress,
    seconds_before: float,
    validation: Validation | None,
) -> tuple[Report, float]:
    config, started = run.config, time.monotonic()
    report = last_report(folder)

    def save() -> None:
        tensors, facts = run.state()
        facts |= place_in_log() | ({"validation": validation.state()} if validation is not None else {})
        save_checkpoint(folder, run.steps_done, tensors, facts, stream, config.keep_checkpoints)
        if validation is not None:
            validation.checkpoint_saved()

    def place_in_log() -> dict[str, float]:
        return {"log_bytes": (folder / LOG).stat().st_size, "seconds": elapsed()}

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
                if validation is not None and validation.due(run) and validation.look(run, place_in_log()):
                    break
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
