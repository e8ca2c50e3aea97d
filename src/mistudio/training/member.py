"""One run among those that share a stream of batches: its columns of them, its log, its numbers, its end.

A run that is trained alone is the only member. Knows the files of its own SAE; the checkpoint, which holds all members,
is `together.py`'s.

B tokens, D width of all hook points together.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from mistudio.activations.block import Part
from mistudio.activations.outliers import JointFilter
from mistudio.activations.stream import ActivationSource
from mistudio.errors import Diverged
from mistudio.training.config import TrainConfig
from mistudio.training.layout import LOG
from mistudio.training.result import Origin, finish, last_report
from mistudio.training.run import Report, TrainingRun
from mistudio.training.validation import Validation


class Member:
    """A run and where it writes.

    Args:
        config: the run.
        folder: where its log and its SAE's files go.
        part: the hook point whose activations it reads, and where they lie in a batch; a transcoder's target, which
            comes behind, included.
        name: what it is called among several; nothing where it is alone.
    """

    def __init__(self, config: TrainConfig, folder: Path, part: Part, *, name: str = "") -> None:
        self.config = config
        self.folder = folder
        self.part = part
        self.name = name
        self.run: TrainingRun | None = None
        """None before it starts, and once it has diverged."""
        self.report: Report | None = None
        """The newest numbers."""
        self.diverged: str | None = None
        """Why it ended early, where it did."""
        self.validation: Validation | None = None
        self.stopped_at: int | None = None
        """The step at which it ended as it got no better, where it did."""

    def validate_on(self, acts_ND: Float[Tensor, "N D"]) -> None:
        """Try it now and then on tokens held back, of all hook points, where its configuration says so."""
        if self.config.validation.validate_every is not None:
            self.validation = Validation(self.config, acts_ND[:, self.part.columns], self.folder)

    @property
    def log(self) -> Path:
        """A line every few steps."""
        return self.folder / LOG

    def wants(self, steps: int) -> bool:
        """Whether it goes on after so many steps."""
        return self.diverged is None and self.stopped_at is None and steps < self.config.steps

    def begin(self, run: TrainingRun) -> None:
        """Start from the beginning."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if run.mesh.leads:
            self.log.write_bytes(b"")
        if self.validation is not None:
            self.validation.begin(None)
        self.run = run

    def step(self, acts_BD: Float[Tensor, "B D"], steps: int, seconds: float) -> None:
        """Train on a batch, of all hook points, and log where a line is due; a run that diverges ends here.

        Args:
            steps: done so far.
            seconds: since training began.
        """
        assert self.run is not None
        due = steps % self.config.log_every == 0 or steps + 1 == self.config.steps
        try:
            new = self.run.step(acts_BD[:, self.part.columns], report=due)
        except Diverged as error:
            self.run, self.diverged = None, error.message
            return
        if new is not None:
            self.report = new
        if new is not None and self.run.mesh.leads:
            with self.log.open("a", encoding="utf-8") as log:
                log.write(json.dumps({**new._asdict(), "seconds": round(seconds, 3)}) + "\n")
        if self.validation is not None and self.validation.due(self.run):
            facts = {"log_bytes": self.log.stat().st_size, "seconds": seconds}
            if self.validation.look(self.run, facts):
                self.stopped_at = self.run.steps_done

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What decides its next step: tensors by name, and plain facts."""
        if self.run is None:
            return {}, {"diverged": self.diverged, "log_bytes": self.log.stat().st_size}
        tensors, facts = self.run.state()
        facts |= {"log_bytes": self.log.stat().st_size, "stopped_at": self.stopped_at}
        return tensors, facts | ({"validation": self.validation.state()} if self.validation is not None else {})

    def checkpoint_saved(self) -> None:
        """A checkpoint with the present `state` is on disk."""
        if self.validation is not None and self.run is not None:
            self.validation.checkpoint_saved()

    def continue_from(self, run: TrainingRun | None, facts: dict[str, Any]) -> None:
        """Go on where `state` was taken; without a run where it had diverged by then."""
        if run is None or run.mesh.leads:
            os.truncate(self.log, int(facts["log_bytes"]))  # Lines after the checkpoint will be written again.
        self.run, self.diverged, self.stopped_at = run, facts.get("diverged"), facts.get("stopped_at")
        if self.validation is not None:
            self.validation.begin(facts.get("validation"))
        self.report = last_report(self.folder, log_bytes=int(facts["log_bytes"]))

    def finish(self, source: ActivationSource, seconds: float) -> None:
        """Write the SAE and seal it.

        Args:
            source: what it was trained on.
            seconds: that the whole training took.
        """
        assert self.run is not None
        if self.report is None:
            raise Diverged("The run has no numbers: its log is empty.")
        finish(self.run, self.origin(source), self.report, seconds, self.folder, self.validation)

    def origin(self, source: ActivationSource) -> Origin:
        """What its SAE says of the source: of the filter its own hook points' rules; the rest is in `excluded`."""
        origin, rule = Origin.of(source), source.filter
        target = self.config.sae.target_of(self.part.hook)
        if isinstance(rule, JointFilter) and target is None:
            rule = {part.hook: each for part, each in rule.rules}.get(self.part.hook, rule)
        return origin.model_copy(update={"hook": self.part.hook, "hook_out": target, "token_filter": rule.describe()})
