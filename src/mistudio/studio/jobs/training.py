"""Train an SAE, and carry the log and the checkpoints to whoever watches."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

from mistudio.activations.config import StreamConfig
from mistudio.activations.stream import ActivationSource, ModelSource, RecordedSource
from mistudio.artifacts.atomic import partial_of
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact
from mistudio.corpora.tokens import Tokens
from mistudio.errors import NotFound
from mistudio.hardware import best_device
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.loading import load_model
from mistudio.progress import Progress
from mistudio.studio.db import training_metrics, trainings
from mistudio.studio.db.session import Session
from mistudio.studio.queue.context import JobContext, Made
from mistudio.studio.queue.process import insist
from mistudio.studio.queue.requests import Train
from mistudio.studio.queue.room import make_room
from mistudio.training.layout import FACTS, LOG, latest_checkpoint, step_of
from mistudio.training.train import train as run_train

log = logging.getLogger("job")


def train(request: Train, context: JobContext) -> Made:
    """Make an SAE; an earlier attempt's checkpoint is gone on from."""
    assert request.name is not None
    assert context.subject is not None, "a training's job is about its training"
    training_id = context.subject.removeprefix("trainings/")
    if context.portal.run(lambda session: trainings.get(session, training_id)) is None:
        raise NotFound("The training of this job was deleted.", remedy="Start a new one with its configuration.")
    training_log = TrainingLog(context, training_id, request.name)
    context.progress.on_beat(training_log.carry)

    def work(path: Path) -> Artifact:
        make_room(context, request, best_device().type)
        source = _source(request, context)
        return run_train(source, request.config, path, progress=_Watched(context.progress, training_log))

    try:
        made = context.make("sae", request.name, work)
    except BaseException:
        training_log.carry()
        raise
    training_log.carry_all()
    return made


def _source(request: Train, context: JobContext) -> ActivationSource:
    """Recordings, or a model that runs along."""
    seed, hooks = request.config.seed, request.config.sae.hooks(request.hook)
    if request.recording_ids:
        paths = [context.artifact("recording", each) for each in request.recording_ids]
        return RecordedSource(paths, hook=hooks, seed=seed)
    assert request.model_id is not None
    assert request.tokenization_id is not None
    assert hooks is not None
    model = context.artifact("model", request.model_id)
    tokens = Tokens.open(context.artifact("tokenization", request.tokenization_id))
    lm = load_model(ModelConfig(source=str(model)), progress=context.progress)
    return ModelSource(lm, tokens, hooks, StreamConfig(seed=seed), progress=context.progress)


class TrainingLog:
    """Carries the lines of training.jsonl into the database, in order and each once, and tells of new checkpoints.

    A run that goes on from a checkpoint cuts its log off there and writes the rest again. So do the rows: those after
    the checkpoint are forgotten first, and until the run has begun nothing behind that place is read.
    """

    def __init__(self, context: JobContext, training_id: str, name: str) -> None:
        self._context, self._training_id = context, training_id
        self._final = context.store.path(Kind.SAE, name)
        self._partial = partial_of(self._final)
        self._lock = threading.Lock()
        self._offset = 0
        self._checkpoint = latest_checkpoint(self._partial)
        self._readable: int | None = self._sound_bytes()
        """Bytes of the log that will not be written again; all of them where None."""
        self._last_step = context.portal.run(self._cut_off)

    def begin(self) -> None:
        """The run has cut its log off; what comes now is new."""
        self._readable = None

    def carry(self) -> None:
        """Carry what is new; what fails now is carried with the next call."""
        try:
            self._carry()
        except Exception as error:  # noqa: BLE001  a database that is away must not stop the training
            log.warning("The log is not carried over yet (%s).", type(error).__name__)

    def carry_all(self) -> None:
        """Carry the whole log of the finished training, also if the database is away for a while."""
        self._readable = None
        insist(self._carry)

    def _sound_bytes(self) -> int | None:
        if self._final.exists():
            return None
        if self._checkpoint is None:
            return 0
        return int(json.loads((self._checkpoint / FACTS).read_text(encoding="utf-8"))["log_bytes"])

    async def _cut_off(self, session: Session) -> int:
        """Forget the rows that will be written again.

        Returns:
            The step of the last row that is left.
        """
        if not self._final.exists():
            step = step_of(self._checkpoint) if self._checkpoint is not None else 0
            await training_metrics.forget_after(session, self._training_id, step)
        return (await training_metrics.extent(session, self._training_id)).last

    def _carry(self) -> None:
        with self._lock:
            lines, offset = self._new_lines()
            new = [line for line in lines if json.loads(line)["step"] > self._last_step]
            if new:
                self._context.training_metrics(self._training_id, new)
                self._last_step = int(json.loads(new[-1])["step"])
            self._offset = offset
            self._tell_of_checkpoint()

    def _new_lines(self) -> tuple[list[str], int]:
        """Whole lines after the offset, and the offset after them."""
        for folder in (self._final, self._partial):
            try:
                with (folder / LOG).open("rb") as file:
                    file.seek(self._offset)
                    content = file.read(-1 if self._readable is None else max(0, self._readable - self._offset))
            except FileNotFoundError:
                continue
            whole = content[: content.rfind(b"\n") + 1]
            return whole.decode().splitlines(), self._offset + len(whole)
        return [], self._offset

    def _tell_of_checkpoint(self) -> None:
        newest = latest_checkpoint(self._partial)
        if newest is None or newest == self._checkpoint:
            return
        try:
            size = sum(file.stat().st_size for file in newest.iterdir())
        except FileNotFoundError:  # It was replaced by a newer one at this moment.
            return
        self._context.training_checkpoint(self._training_id, step_of(newest), size)
        self._checkpoint = newest


class _Watched:
    """Passes progress on, and notices that the run has begun."""

    def __init__(self, progress: Progress, training_log: TrainingLog) -> None:
        self._progress, self._training_log = progress, training_log
        self._begun = False

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        """Pass a report on."""
        if stage == "train" and not self._begun:
            self._begun = True
            self._training_log.begin()
        self._progress.advance(stage, done, total, **metrics)

    def checkpoint(self) -> None:
        """Go on, or stop as asked.

        Raises:
            Interrupted: as the job was asked.
        """
        self._progress.checkpoint()
