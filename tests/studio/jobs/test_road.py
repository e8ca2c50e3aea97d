"""The other jobs of the road, on a tiny model: recordings, evaluations, the demo."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from mistudio.activations.config import TraceConfig
from mistudio.activations.record import trace
from mistudio.artifacts.atomic import partial_of
from mistudio.artifacts.kinds import Kind
from mistudio.corpora.tokens import Tokens
from mistudio.demo.config import DemoConfig
from mistudio.demo.packages import MODEL, TEXT
from mistudio.demo.road import model_name
from mistudio.evaluation.config import EvaluateConfig
from mistudio.language_models.loading import load_model, save_model
from mistudio.sae.config import TopKConfig
from mistudio.studio.db import evaluations, trainings
from mistudio.studio.db.artifacts import TABLES
from mistudio.studio.queue.enqueue import DEVICE
from mistudio.studio.queue.requests import Demo, Evaluate, Trace, Train
from mistudio.training.config import TrainConfig
from tests.studio.workshop import Workshop
from tests.tiny_models import tiny_language_model

POINT = "resid_post.1"
CONFIG = TrainConfig(sae=TopKConfig(k=4, d_sae=64), tokens=40 * 128, batch_size=128, buffer_tokens=1024)


def trace_of(workshop: Workshop, name: str, **options: object) -> Trace:
    model, tokens = workshop.row("model", "tiny"), workshop.row("tokenization", "tokens")
    config = TraceConfig.model_validate({"hooks": (POINT,), **options})
    return Trace(model_id=model.id, tokenization_id=tokens.id, config=config, name=name)


def test_a_recording_a_training_on_it_and_an_evaluation_follow_one_another(workshop):
    model, tokens = workshop.model_and_text()
    recorded = workshop.ask(trace_of(workshop, "recorded"), device=DEVICE)
    workshop.work("extraction")
    assert workshop.job(recorded.id).state == "completed", workshop.log(recorded.id)
    recording = workshop.row("recording", "recorded")
    assert (recording.model_id, recording.tokenization_id, recording.hooks) == (model, tokens, [POINT])
    assert recording.job_id == recorded.id

    request = Train(recording_ids=(recording.id,), hook=POINT, config=CONFIG, name="sae")
    training, trained = workshop.train(request)
    workshop.work("training")
    assert workshop.job(trained.id).state == "completed", workshop.log(trained.id)
    sae = workshop.row("sae", "sae")
    assert (sae.recording_id, sae.model_id, sae.tokenization_id) == (recording.id, model, tokens)
    assert workshop.lines(training.id)[-1]["tokens"] == CONFIG.tokens

    settings = EvaluateConfig(max_tokens=512, splice_contexts=4)
    evaluated = workshop.ask(Evaluate(sae_id=sae.id, model_id=model, tokenization_id=tokens, config=settings))
    workshop.work("extraction")
    done = workshop.job(evaluated.id)
    assert done.state == "completed", workshop.log(evaluated.id)
    [row] = workshop.portal.run(lambda session: evaluations.of_sae(session, sae.id))
    assert done.result == {"entity": "evaluation", "id": row.id, "name": f"{row.id}.json", "failed": []}
    assert row.result["fvu"] == json.loads(Path(row.path).read_text())["result"]["fvu"]
    assert row.result["config"]["split"] == "held_out"
    assert (row.tokenization_id, row.job_id) == (tokens, evaluated.id)


def test_an_evaluation_that_an_earlier_attempt_wrote_is_taken_as_it_is(workshop):
    model, tokens = workshop.model_and_text()
    evaluated = workshop.ask(Evaluate(sae_id="gone", model_id=model, tokenization_id=tokens))
    path = workshop.settings.evaluations_dir / f"{evaluated.id.replace('job-', 'evaluation-')}.json"
    path.parent.mkdir(parents=True)
    content = {"sae_id": "gone", "tokenization_id": tokens, "created_at": "2026-01-01T00:00:00+00:00", "result": {}}
    path.write_text(json.dumps(content))
    workshop.work("extraction")
    assert workshop.job(evaluated.id).state == "completed", workshop.log(evaluated.id)
    assert len(list(path.parent.iterdir())) == 1


def test_an_evaluation_of_an_sae_that_is_gone_fails_with_what_to_do(workshop):
    model, tokens = workshop.model_and_text()
    evaluated = workshop.ask(Evaluate(sae_id="gone", model_id=model, tokenization_id=tokens))
    workshop.work("extraction")
    failed = workshop.job(evaluated.id)
    assert (failed.state, failed.error["code"]) == ("failed", "NotFound")
    assert "'gone'" in failed.error["message"]


def test_a_recording_that_is_paused_and_killed_is_the_one_that_the_library_makes(workshop, tmp_path):
    model, tokens = workshop.model_and_text()
    # A file a forward pass, so that there is something to go on from.
    slow = {"batch_contexts": 1, "row_group_tokens": 32, "part_megabytes": 1}
    recorded = workshop.ask(trace_of(workshop, "recorded", **slow))
    workshop.begin("extraction")
    workshop.until(lambda: workshop.job(recorded.id).stage == "record")
    workshop.command("pause", recorded.id)
    workshop.wait()
    if workshop.job(recorded.id).state == "paused":
        assert partial_of(workshop.settings.store.path(Kind.ACTIVATIONS, "recorded")).is_dir()
        workshop.command("resume", recorded.id)
        workshop.work("extraction")
    assert workshop.job(recorded.id).state == "completed", workshop.log(recorded.id)
    lm = load_model(workshop.row("model", model).path)
    text = Tokens.open(workshop.row("tokenization", tokens).path)
    expected = trace(lm, text, TraceConfig.model_validate({"hooks": (POINT,), **slow}), tmp_path / "expected")
    made = workshop.row("recording", "recorded").manifest["metrics"]["hooks"]
    assert made == expected.manifest.metrics["hooks"]


def test_a_recording_that_is_cancelled_leaves_nothing(workshop):
    workshop.model_and_text()
    recorded = workshop.ask(trace_of(workshop, "recorded", batch_contexts=1, row_group_tokens=32))
    workshop.begin("extraction")
    workshop.until(lambda: workshop.job(recorded.id).stage)
    begun = time.monotonic()
    workshop.command("cancel", recorded.id)
    workshop.until(lambda: workshop.job(recorded.id).state in ("cancelled", "completed"))
    assert time.monotonic() - begun < 2.0
    workshop.wait()
    if workshop.job(recorded.id).state == "cancelled":
        assert not partial_of(workshop.settings.store.path(Kind.ACTIVATIONS, "recorded")).exists()


def test_work_that_needs_more_memory_than_there_is_is_not_begun(workshop):
    recording = workshop.recording()
    request = Train(
        recording_ids=(recording,), config=CONFIG.model_copy(update={"sae": TopKConfig(d_sae=10**9)}), name="huge"
    )
    _, job = workshop.train(request)
    workshop.work()
    failed = workshop.job(job.id)
    assert (failed.state, failed.error["code"]) == ("failed", "NotEnoughMemory")
    assert "GiB" in failed.error["message"]


@pytest.fixture
def demo(workshop: Workshop) -> Demo:
    """A demo whose downloads are there already: a tiny model in place of the real one, and made-up addresses."""
    store, draw = workshop.settings.store, random.Random(0)
    downloads = store.home / "downloads"
    model, texts = (downloads / Path(package.archive).stem for package in (MODEL, TEXT))
    for folder in (model, texts):
        folder.mkdir(parents=True)
    (model / "tiny.gguf").touch()
    save_model(tiny_language_model(max_position_embeddings=256), store.path(Kind.MODEL, model_name()))
    for number in range(30):
        words = draw.choices(["four", "score", "and", "seven", "years", "our", "fathers", "nation"], k=200)
        (texts / f"{1800 + number}_made_up_r.txt").write_text(" ".join(words))
    small = {"recorded_tokens": 8192, "passes": 30, "k": 4, "expansion": 2, "lr": 1e-3}
    return Demo(config=DemoConfig.model_validate({"layer": 1, "evaluated_tokens": 512, "splice_contexts": 4, **small}))


def test_the_demo_can_be_stopped_and_goes_on_and_everything_it_made_is_there(workshop, demo):
    stopped = workshop.ask(demo, device=DEVICE)
    workshop.begin()
    # What a stage made is in the studio as soon as it is there.
    workshop.until(lambda: workshop.rows("recording"))
    begun = time.monotonic()
    workshop.command("cancel", stopped.id)
    workshop.until(lambda: workshop.job(stopped.id).state in ("cancelled", "completed"))
    assert time.monotonic() - begun < 2.0
    workshop.wait()

    again = workshop.command("retry", stopped.id) if workshop.job(stopped.id).state == "cancelled" else stopped
    workshop.work()
    done = workshop.job(again.id)
    assert done.state == "completed", workshop.log(again.id)
    assert {entity: len(workshop.rows(entity)) for entity in TABLES} == dict.fromkeys(TABLES, 1)
    [sae], [features] = workshop.rows("sae"), workshop.rows("feature_set")
    assert done.result == {"entity": "feature_set", "id": features.id, "name": features.name, "failed": []}
    assert features.sae_id == sae.id
    [evaluation] = workshop.portal.run(lambda session: evaluations.of_sae(session, sae.id))
    assert evaluation.result["tokens"] > 0
    [(training, job)], _ = workshop.portal.run(lambda session: trainings.page(session))
    assert (training.name, training.sae_id, job) == (sae.name, sae.id, None)
    assert len(workshop.lines(training.id)) == len((Path(sae.path) / "training.jsonl").read_text().splitlines())
