"""What a job's function is given: its request, the store, and whom to report to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mistudio.artifacts.manifest import MANIFEST, Artifact, numbered, open_artifact
from mistudio.artifacts.store import LocalStore
from mistudio.errors import ArtifactExists, MistudioError, NotFound
from mistudio.evaluation.result import PROBING, keep_evaluation, keep_probing
from mistudio.studio.db import artifacts, training_metrics
from mistudio.studio.db.artifacts import KINDS
from mistudio.studio.db.session import Session
from mistudio.studio.events.catalogue import MetricPoint, TrainingCheckpoint, TrainingMetrics
from mistudio.studio.events.publish import publish
from mistudio.studio.queue.job_progress import JobProgress, log
from mistudio.studio.queue.leftovers import is_sealed_by, number_of
from mistudio.studio.queue.portal import Portal
from mistudio.studio.queue.requests import Entity
from mistudio.studio.settings import Settings


@dataclass(frozen=True)
class Made:
    """What a job made: one thing of the store."""

    entity: Entity
    path: Path
    """Of an artifact its directory, of an evaluation or a probing its file."""


@dataclass
class JobContext:
    """The job that this process runs."""

    job_id: str
    subject: str | None
    settings: Settings
    progress: JobProgress
    portal: Portal
    failures: list[dict[str, str]] = field(default_factory=list)
    """Name of each item that failed, and the reason; with any the job ends as completed_with_errors."""

    @property
    def store(self) -> LocalStore:
        """The artifacts."""
        return self.settings.store

    def artifact(self, entity: Entity, row_id: str) -> Path:
        """The directory of an artifact.

        Raises:
            NotFound: there is none with that id or name.
        """
        row = self.portal.run(lambda session: artifacts.get(session, entity, row_id))
        if row is None or not (Path(row.path) / MANIFEST).is_file():
            raise NotFound(f"There is no {entity.replace('_', ' ')} {row_id!r} any more.", remedy="Choose another one.")
        return Path(row.path)

    def make(self, entity: Entity, name: str, work: Callable[[Path], Artifact]) -> Made:
        """Make an artifact of that name, or take the one that an earlier attempt of this job finished.

        Raises:
            ArtifactExists: another job, or the command line, has made one of that name in the meantime.
        """
        path = self.store.path(KINDS[entity], name)
        if not (path / MANIFEST).is_file():
            with (
                numbered(number_of(self.job_id)),
                self.progress.completing_once(lambda: is_sealed_by(self.job_id, path)),
            ):
                work(path)
                self.progress.complete()
        elif is_sealed_by(self.job_id, path):
            open_artifact(path)
            self.progress.complete()
        else:
            raise ArtifactExists(
                f"The name {name!r} is taken: another {entity.replace('_', ' ')} was made under it in the meantime.",
                remedy="Ask for this one again under another name; what it was to be made of is still there.",
            )
        return Made(entity, path)

    def evaluation(self, evaluation_id: str) -> Path:
        """Where an evaluation, or what probing found, is kept."""
        return self.settings.evaluations_dir / f"{evaluation_id}.json"

    def write_evaluation(
        self,
        evaluation_id: str,
        sae_id: str,
        tokenization_id: str,
        result: Mapping[str, Any],
        against_id: str | None = None,
    ) -> Made:
        """Keep the result of an evaluation."""
        path = keep_evaluation(
            result, self.settings.home, sae_id, tokenization_id, evaluation_id, against_id=against_id
        )
        self.progress.complete()
        return Made("evaluation", path)

    @property
    def probing_id(self) -> str:
        """Of what this job finds by probing."""
        return PROBING + number_of(self.job_id)

    def write_probing(self, sae_id: str, dataset_id: str | None, result: Mapping[str, Any]) -> Made:
        """Keep what probing found."""
        path = keep_probing(result, self.settings.home, sae_id, dataset_id, self.probing_id)
        self.progress.complete()
        return Made("probing", path)

    def fail_item(self, name: str, error: Exception) -> None:
        """One item of many failed; the others go on."""
        log.error("%s failed: %s", name, error)
        reason = error.message if isinstance(error, MistudioError) else str(error)
        self.failures.append({"name": name, "reason": reason})

    def training_metrics(self, training_id: str, lines: Iterable[str]) -> None:
        """Keep and publish new lines of a training's log."""
        rows = [json.loads(line) for line in lines]
        if not rows:
            return

        async def write(session: Session) -> None:
            await training_metrics.write(session, training_id, rows)
            # A notification has room for few lines; the rest is fetched when the page asks for the curve.
            points = tuple(MetricPoint(**row) for row in rows[-8:])
            await publish(
                session, TrainingMetrics(training_id=training_id, points=points), [f"trainings/{training_id}"]
            )

        self.portal.run(write)

    def training_checkpoint(self, training_id: str, step: int, size: int) -> None:
        """Publish that a checkpoint was saved."""
        event = TrainingCheckpoint(training_id=training_id, step=step, bytes=size)
        self.portal.run(lambda session: publish(session, event, [f"trainings/{training_id}"]))
