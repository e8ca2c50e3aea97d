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

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.activations.block import Part
from mistudio.activations.outliers import JointFilter, TokenFilter
from mistudio.activations.stream import ActivationSource
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import seal
from mistudio.errors import Diverged
from mistudio.sae.native_file import save_sae
from mistudio.sae.sharded_file import save_sharded_sae
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.training.config import TrainConfig
from mistudio.training.layout import LOG
from mistudio.training.run import Report, TrainingRun


class Member:
    """A run and where it writes.

    Args:
        config: the run.
        folder: where its log and its SAE's files go.
        part: the hook point whose activations it reads, and where they lie in a batch.
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

    @property
    def log(self) -> Path:
        """A line every few steps."""
        return self.folder / LOG

    def wants(self, steps: int) -> bool:
        """Whether it goes on after so many steps."""
        return self.diverged is None and steps < self.config.steps

    def begin(self, run: TrainingRun) -> None:
        """Start from the beginning."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if run.mesh.leads:
            self.log.write_bytes(b"")
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

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What decides its next step: tensors by name, and plain facts."""
        if self.run is None:
            return {}, {"diverged": self.diverged, "log_bytes": self.log.stat().st_size}
        tensors, facts = self.run.state()
        return tensors, facts | {"log_bytes": self.log.stat().st_size}

    def continue_from(self, run: TrainingRun | None, facts: dict[str, Any]) -> None:
        """Go on where `state` was taken; without a run where it had diverged by then."""
        if run is None or run.mesh.leads:
            os.truncate(self.log, int(facts["log_bytes"]))  # Lines after the checkpoint will be written again.
        self.run, self.diverged = run, facts.get("diverged")
        lines = self.log.read_bytes()[: int(facts["log_bytes"])].splitlines()
        if lines:
            content = json.loads(lines[-1])
            self.report = Report(**{name: content[name] for name in Report._fields})

    def finish(self, source: ActivationSource, seconds: float) -> None:
        """Write the SAE and seal it.

        Args:
            seconds: that the whole training took.
        """
        assert self.run is not None
        if self.report is None:
            raise Diverged("The run has no numbers: its log is empty.")
        run, (config, weights) = self.run, self.run.result()
        metadata = {
            "training_architecture": run.config.sae.architecture,
            "training_tokens": run.tokens_done,
            "training_normalisation": run.config.normalisation,
            **run.normalisation.facts(),
            "token_filter": self._filter(source).describe(),
        }
        about: dict[str, Any] = {
            "hook": self.part.hook,
            "model_name": source.model_name,
            "metadata": metadata,
            "normalisation": "layer_norm" if run.normalisation.outside else "none",
        }
        share_F = torch.cat(run.mesh.latents.gather(run.firing.firing_share_F()))
        if run.mesh.latents.size > 1:
            save_sharded_sae(config, weights, self.folder, run.mesh, **about, firing_share_F=share_F)
        elif run.mesh.leads:
            save_sae(SparseAutoencoder(config, weights, **about), self.folder, firing_share_F=share_F)
        if not run.mesh.leads:
            return
        seal(
            self.folder,
            Kind.SAE,
            config=run.config.model_dump(mode="json"),
            inputs=source.inputs,
            metrics={
                **self.report._asdict(),
                "seconds": round(seconds, 1),
                "tokens_per_second": round(run.tokens_done / max(seconds, 1e-9)),
                "learning_rate": run.config.learning_rate(len(share_F)),
                "token_filter": self._filter(source).describe(),
                "excluded": source.excluded,
            },
        )

    def _filter(self, source: ActivationSource) -> TokenFilter | JointFilter:
        """The rule of its own hook point: what others left out beside it is in `excluded`."""
        if isinstance(source.filter, JointFilter):
            return {part.hook: rule for part, rule in source.filter.rules}.get(self.part.hook, source.filter)
        return source.filter
