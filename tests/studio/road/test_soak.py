"""Processes are killed at random while the studio trains and finds: all returns by itself, and nothing shows it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

import mistudio
from mistudio.activations.config import TraceConfig
from mistudio.activations.record import trace
from mistudio.artifacts.manifest import MANIFEST, open_artifact
from mistudio.client.answers import FeatureSet, Job, Training
from mistudio.client.jobs import Pending
from mistudio.corpora.config import CorpusConfig, TokenizeConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.corpora.tokenize import tokenize
from mistudio.corpora.tokens import Tokens
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.loading import load_model, save_model
from mistudio.sae.config import TopKConfig
from mistudio.studio.launch.identity import Identity, jobs_of
from mistudio.studio.launch.status import report
from mistudio.studio.settings import Settings
from mistudio.training.config import TrainConfig
from tests.studio.road.conftest import running
from tests.studio.road.small_world import save_text
from tests.tiny_models import save_tiny_checkpoint

HOOK = "resid_post.2"
WEIGHTS = "sae_weights.safetensors"
_JOB = "job"
_BACK_SECONDS = 90.0
_BY_HAND = """
import sys
from mistudio.activations.stream import RecordedSource
from mistudio.training.config import TrainConfig
from mistudio.training.train import train
train(RecordedSource(sys.argv[1], hook=sys.argv[2]), TrainConfig.model_validate_json(sys.argv[3]), sys.argv[4])
"""


def _config(steps: int) -> TrainConfig:
    return TrainConfig(
        sae=TopKConfig(k=4, d_sae=256, aux_k=16),
        tokens=steps * 256,
        batch_size=256,
        buffer_tokens=8192,
        log_every=20,
        checkpoint_every=100,
    )


def _prepare(home: Path, folder: Path) -> None:
    """A model, a text and a recording, made by the library before the studio starts."""
    source = save_tiny_checkpoint(folder / "tiny-llama")
    lm = load_model(ModelConfig(source=str(source), dtype="float32"))
    save_model(lm, home / "models" / "tiny")
    add_corpus(CorpusConfig(sources=(str(save_text(folder / "speeches")),)), home / "corpora" / "speeches")
    tokens = home / "tokens" / "speeches"
    tokenize(home / "corpora" / "speeches", str(home / "models" / "tiny"), TokenizeConfig(context_length=64), tokens)
    trace(lm, Tokens.open(tokens), TraceConfig(hooks=(HOOK,)), home / "activations" / "recorded")


@dataclass
class Work:
    """A training, then a find with what it made, and so on: there is always something to be killed."""

    client: mistudio.Client
    model: str
    tokens: str
    recording: str
    config: TrainConfig
    trainings: list[Training] = field(default_factory=list)
    finds: list[Pending[FeatureSet]] = field(default_factory=list)

    def go_on(self) -> None:
        """Begin the next job when the last one is done."""
        if not all(job.has_ended for job in self.jobs()):
            return
        if len(self.finds) < len(self.trainings):
            sae = self.client.trainings.get(self.trainings[-1].id).sae
            assert sae is not None
            self.finds.append(self.client.feature_sets.find(sae.id, self.model, self.tokens, name=f"found-{sae.name}"))
        else:
            name = f"trained-{len(self.trainings)}"
            self.trainings.append(self.client.trainings.start(self.recording, self.config, hook=HOOK, name=name))

    def jobs(self) -> list[Job]:
        return list(self.client.jobs.list(kind=["train", "find"]))


@dataclass
class Twice:
    """Watches, all the time, whether a job has two processes for longer than it takes to end one."""

    settings: Settings
    found: list[str] = field(default_factory=list)

    def watch(self, over: threading.Event) -> None:
        since: dict[str, float] = {}
        while not over.wait(0.2):
            processes = Counter(filter(None, map(_job_of, jobs_of(self.settings.home))))
            doubled = {job for job, count in processes.items() if count > 1}
            since = {job: since.get(job, time.monotonic()) for job in doubled}
            self.found += [job for job, start in since.items() if time.monotonic() - start > 2.0]


def _job_of(process: psutil.Process) -> str | None:
    """The id of the job whose process it is; a child of one has none."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return None
    return words[-2] if len(words) > 3 and words[-3] == "job" else None


def _victims(settings: Settings) -> dict[str, int]:
    """What can be killed now: every process of the table, the two that watch them, and the job's."""
    found = {each.name: each.pid for each in report(settings).processes if each.pid is not None}
    for process in jobs_of(settings.home):
        if _job_of(process):
            found[_JOB] = process.pid
    return found


def _is_whole(settings: Settings) -> bool:
    found = report(settings)
    return found.phase == "ready" and all(each.pid is not None for each in found.processes if each.name != "migrate")


def _until(holds: Callable[[], object], what: str, seconds: float = _BACK_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def _kill_at_random(settings: Settings, work: Work, kills: int, seed: int) -> None:
    """Kill one process after another, each when all run again."""
    chance, killed = random.Random(seed), Counter[str]()
    every = {*_victims(settings), _JOB}
    while killed.total() < kills:
        work.go_on()
        time.sleep(chance.uniform(0.0, 1.5))
        # Those that were spared so far are as likely together as all others: every one has its turn.
        present = _victims(settings)
        spared = [name for name in sorted(present) if not killed[name]]
        name = chance.choice(spared or sorted(present))
        try:
            victim = Identity.of(present[name])
            os.kill(victim.pid, signal.SIGKILL)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue  # A job that came to its end by itself.
        killed[name] += 1
        _until(lambda v=victim: v.process() is None, f"{name} does not end")
        _until(lambda: _is_whole(settings), f"the studio is not whole after {name} was killed: {report(settings)}")
    if kills > len(every):
        assert every <= {*killed}, f"never killed: {every - {*killed}}"


def _soak(settings: Settings, folder: Path, *, kills: int, steps: int, seed: int) -> None:
    _prepare(settings.home, folder)
    with running(settings):
        _kill_and_look(settings, folder, kills, _config(steps), seed)


def _kill_and_look(settings: Settings, folder: Path, kills: int, config: TrainConfig, seed: int) -> None:
    client = mistudio.Client(settings.url, retry_seconds=_BACK_SECONDS)
    # A studio looks at its store once it serves.
    made = (client.models, client.tokenizations, client.recordings)
    _until(lambda: all(list(each.list()) for each in made), "the store is not looked at")
    (model,), (tokens,), (recording,) = client.models.list(), client.tokenizations.list(), client.recordings.list()
    work = Work(client, model.id, tokens.id, recording.id, config)
    twice, over = Twice(settings), threading.Event()
    watcher = threading.Thread(target=twice.watch, args=(over,))
    watcher.start()
    try:
        _kill_at_random(settings, work, kills, seed)
        while not work.finds:
            _until(lambda: all(job.has_ended for job in work.jobs()), "a job does not end", 600)
            work.go_on()
        _until(lambda: all(job.has_ended for job in client.jobs.list()), "a job does not end", 600)
    finally:
        over.set()
        watcher.join()
    jobs = list(client.jobs.list())
    client.close()

    assert {job.state for job in jobs} == {"completed"}, [(job.title, job.state, job.error) for job in jobs]
    assert not twice.found
    assert not [*settings.home.glob("*/.*.partial")]
    wanted = folder / "by-hand"
    recording = settings.home / "activations" / "recorded"
    command = [sys.executable, "-c", _BY_HAND, str(recording), HOOK, work.config.model_dump_json(), str(wanted)]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    for number in range(len(work.trainings)):
        made = settings.home / "saes" / f"trained-{number}"
        assert (made / WEIGHTS).read_bytes() == (wanted / WEIGHTS).read_bytes(), f"{made.name} has other weights"
    for manifest in settings.home.glob(f"*/*/{MANIFEST}"):
        open_artifact(manifest.parent, deep=True)


@pytest.mark.slow
def test_five_kills_in_the_middle_of_the_work_lose_nothing(home: Settings, tmp_path: Path) -> None:
    _soak(home, tmp_path, kills=5, steps=1000, seed=3)


@pytest.mark.soak
def test_fifty_kills_in_the_middle_of_the_work_lose_nothing(home: Settings, tmp_path: Path) -> None:
    _soak(home, tmp_path, kills=50, steps=6000, seed=1)
