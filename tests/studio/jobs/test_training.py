"""Trainings in their own processes: watched, paused, killed, stopped, and always ending as an uninterrupted run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mistudio.artifacts.atomic import partial_of, write_json
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import MANIFEST
from mistudio.sae.config import TopKConfig
from mistudio.studio.db import events, trainings
from mistudio.studio.queue.leftovers import number_of
from mistudio.studio.queue.requests import Finalize, Train
from mistudio.studio.queue.runner import Runner
from mistudio.training.config import TrainConfig
from mistudio.training.layout import LOG, checkpoints_of, latest_checkpoint, step_of
from tests.made_up_recording import HOOK, made_up_recording
from tests.studio.workshop import Workshop

STEPS = 1500
_BY_HAND = """
import sys
from mistudio.activations.stream import RecordedSource
from mistudio.training.config import TrainConfig
from mistudio.training.train import train
train(RecordedSource(sys.argv[1], hook=sys.argv[2]), TrainConfig.model_validate_json(sys.argv[3]), sys.argv[4])
"""


def config(steps: int = STEPS, **options: Any) -> TrainConfig:
    return TrainConfig(
        **{
            "sae": TopKConfig(k=4, d_sae=128, aux_k=16),
            "tokens": steps * 256,
            "batch_size": 256,
            "buffer_tokens": 4096,
            "log_every": 5,
            "checkpoint_every": 50,
            **options,
        }
    )


def request_of(workshop: Workshop, name: str = "sae", *, steps: int = STEPS, **options: Any) -> Train:
    recording = workshop.row("recording", "recording")
    ids = (recording.id if recording else workshop.recording(),)
    return Train(recording_ids=ids, hook=HOOK, config=config(steps, **options), name=name)


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


def without_seconds(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def by_hand(recording: Path, settings: TrainConfig, out: Path) -> Path:
    """Train with the library alone, in a process with the jobs' number of threads, which decides the last bits."""
    command = [sys.executable, "-c", _BY_HAND, str(recording), HOOK, settings.model_dump_json(), str(out)]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return out


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SAE of a run of `config()` that nothing disturbed."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    return by_hand(made_up_recording(folder / "recording").path, config(), folder / "sae")


def assert_same(workshop: Workshop, training_id: str, expected: Path) -> None:
    """The SAE and its log are those of the run that nothing disturbed, and the table holds the log."""
    made = workshop.settings.store.path(Kind.SAE, "sae")
    weights, wanted = load_file(made / "sae_weights.safetensors"), load_file(expected / "sae_weights.safetensors")
    assert all(torch.equal(weights[name], wanted[name]) for name in wanted)
    assert without_seconds(log_of(made)) == without_seconds(log_of(expected))
    assert workshop.lines(training_id) == log_of(made)


def test_a_training_leaves_an_sae_with_its_whole_log_in_the_table(workshop, uninterrupted):
    training, job = workshop.train(request_of(workshop))
    workshop.work()
    done = workshop.job(job.id)
    assert done.state == "completed", workshop.log(job.id)
    assert done.result == {"entity": "sae", "id": workshop.row("sae", "sae").id, "name": "sae", "failed": []}
    assert_same(workshop, training.id, uninterrupted)


def test_metrics_and_checkpoints_are_told_to_whoever_watches(workshop):
    training, job = workshop.train(request_of(workshop, steps=400))
    workshop.work()
    assert workshop.job(job.id).state == "completed"
    told = workshop.portal.run(lambda session: events.since(session, f"trainings/{training.id}", 0, limit=10_000))
    points = [
        point["step"] for row in told if row.payload["type"] == "training.metrics" for point in row.payload["points"]
    ]
    assert points == sorted(set(points))
    checkpoints = [row.payload for row in told if row.payload["type"] == "training.checkpoint"]
    assert checkpoints
    assert all(each["bytes"] > 0 and each["step"] % 50 == 0 for each in checkpoints)
    assert told[-1].payload["type"] in ("job.state", "job.completed")


def test_a_training_that_is_paused_and_resumed_ends_as_if_it_never_was(workshop, uninterrupted):
    training, job = workshop.train(request_of(workshop))
    workshop.begin()
    workshop.at_step(training.id, 300)
    workshop.command("pause", job.id)
    workshop.wait()
    assert workshop.job(job.id).state == "paused"
    assert workshop.lines(training.id) == log_of(partial_of(workshop.settings.store.path(Kind.SAE, "sae")))
    workshop.command("resume", job.id)
    workshop.work()
    assert workshop.job(job.id).state == "completed", workshop.log(job.id)
    assert_same(workshop, training.id, uninterrupted)


def test_a_training_that_is_killed_goes_on_bit_for_bit_and_every_line_is_there_once(workshop, uninterrupted):
    training, job = workshop.train(request_of(workshop))
    workshop.begin()
    for attempt, step in ((1, 150), (2, 500)):
        workshop.at_step(training.id, step)
        workshop.kill(job.id)
        workshop.until_attempt(job.id, attempt + 1)
    workshop.wait()
    assert workshop.job(job.id).state == "completed", workshop.log(job.id)
    assert workshop.job(job.id).attempts == 3
    assert_same(workshop, training.id, uninterrupted)


def test_lines_behind_the_checkpoint_are_forgotten_before_they_are_written_again(workshop):
    training, job = workshop.train(request_of(workshop, steps=100_000, checkpoint_every=100_000))
    workshop.begin()
    workshop.at_step(training.id, 600)
    workshop.kill(job.id)
    workshop.until_attempt(job.id, 2)
    # There was no checkpoint yet: it begins again, and so do the rows.
    workshop.until(lambda: len(workshop.lines(training.id)) < 100)
    workshop.at_step(training.id, 11)
    assert [line["step"] for line in workshop.lines(training.id)][:3] == [1, 6, 11]
    workshop.command("cancel", job.id)
    workshop.wait()


def test_stopping_takes_less_than_two_seconds_and_retrying_goes_on_from_the_checkpoint(workshop, uninterrupted):
    training, job = workshop.train(request_of(workshop))
    workshop.begin()
    workshop.at_step(training.id, 300)
    begun = time.monotonic()
    workshop.command("cancel", job.id)
    workshop.until(lambda: workshop.job(job.id).state == "cancelled")
    assert time.monotonic() - begun < 2.0
    workshop.wait()
    checkpoint = latest_checkpoint(partial_of(workshop.settings.store.path(Kind.SAE, "sae")))
    assert checkpoint is not None
    assert step_of(checkpoint) >= 300
    again = workshop.command("retry", job.id)
    assert (again.subject, again.retry_of) == (job.subject, job.id)
    workshop.work()
    assert workshop.job(again.id).state == "completed", workshop.log(again.id)
    first = workshop.log(again.id).split("train: ")[1].split(" of ")[0]
    assert int(first.replace(",", "")) >= step_of(checkpoint) * 256
    assert_same(workshop, training.id, uninterrupted)


def test_two_trainings_of_one_device_run_one_after_the_other(workshop):
    _, first = workshop.train(request_of(workshop, "first", steps=800))
    _, second = workshop.train(request_of(workshop, "second", steps=100))
    workshop.begin()
    workshop.until(lambda: workshop.job(first.id).state == "running")
    # Another worker of the same machine finds the slot taken.
    Runner(workshop.settings, workshop.portal).work("training")
    assert workshop.job(second.id).state == "queued"
    workshop.wait(120)
    one, two = workshop.job(first.id), workshop.job(second.id)
    assert (one.state, two.state) == ("completed", "completed")
    assert two.started_at >= one.finished_at


def test_a_training_whose_weights_diverge_fails_and_says_what_to_do(workshop):
    request = request_of(workshop, steps=200, lr=1e30, gradient_clip=None)
    _, job = workshop.train(request)
    workshop.work()
    failed = workshop.job(job.id)
    assert failed.state == "failed"
    assert failed.error["code"] == "Diverged"
    assert failed.error["remedy"]


def test_an_sae_that_an_earlier_attempt_sealed_is_taken_as_it_is(workshop):
    request = request_of(workshop, steps=60)
    training, job = workshop.train(request)
    path = workshop.row("recording", "recording").path
    sealed = by_hand(path, request.config, workshop.settings.store.path(Kind.SAE, "sae"))
    manifest = json.loads((sealed / MANIFEST).read_text())
    write_json(sealed / MANIFEST, manifest | {"id": f"sae-{number_of(job.id)}"})
    workshop.work()
    assert workshop.job(job.id).state == "completed", workshop.log(job.id)
    assert workshop.lines(training.id) == log_of(sealed)


def test_a_model_can_run_along(workshop):
    model, tokens = workshop.model_and_text()
    request = Train(model_id=model, tokenization_id=tokens, hook="resid_post.1", config=config(60), name="live")
    training, job = workshop.train(request)
    workshop.work()
    assert workshop.job(job.id).state == "completed", workshop.log(job.id)
    sae = workshop.row("sae", "live")
    assert (sae.model_id, sae.tokenization_id, sae.recording_id) == (model, tokens, None)
    assert workshop.lines(training.id) == log_of(Path(sae.path))


def test_trainings_of_the_command_line_are_rebuilt_from_their_saes(workshop):
    workshop.recording()
    path = workshop.row("recording", "recording").path
    sealed = by_hand(path, config(60), workshop.settings.store.path(Kind.SAE, "by-hand"))
    workshop.index_store()
    found, total = workshop.portal.run(lambda session: trainings.page(session))
    assert total == 1
    [(training, job)] = found
    assert (training.name, job, training.sae_id) == ("by-hand", None, workshop.row("sae", "by-hand").id)
    assert workshop.lines(training.id) == log_of(sealed)


def test_a_stopped_training_gives_an_sae_of_its_checkpoint_and_can_still_go_on(workshop):
    training, job = workshop.train(request_of(workshop, keep_checkpoints=2))
    workshop.begin()
    workshop.at_step(training.id, 120)
    workshop.command("cancel", job.id)
    workshop.wait()
    found = checkpoints_of(partial_of(workshop.settings.store.path(Kind.SAE, "sae")))
    step = step_of(found[0])
    taken = workshop.ask(
        Finalize(training_id=training.id, step=step, name="taken"), subject=trainings.channel(training.id)
    )
    workshop.work("analysis")
    assert workshop.job(taken.id).state == "completed", workshop.log(taken.id)
    sae = workshop.row("sae", "taken")
    assert (sae.manifest["metrics"]["finished"], sae.manifest["metrics"]["taken_at_step"]) == (False, step)
    assert checkpoints_of(partial_of(workshop.settings.store.path(Kind.SAE, "sae"))) == found
    workshop.index_store()
    assert workshop.portal.run(lambda session: trainings.page(session))[1] == 1
