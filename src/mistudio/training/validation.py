"""Quality on tokens that never train: the best state so far, and when to stop.

Every few steps after the warm-up, the SAE that the run would save is tried on the tokens held back. The best state is
the one with the lowest FVU among those whose L0 is within 5 % of k: fewer unexplained variance by more active latents
is no progress. All that is remembered goes into the checkpoints, so that a resumed run decides as an uninterrupted one.

Measuring changes nothing in the run.

N tokens held back, D d_in, with targets beside it for a transcoder.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.evaluation.metrics import Reconstruction
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.training.checkpoint import save_state
from mistudio.training.config import TrainConfig
from mistudio.training.layout import BEST, VALIDATION_LOG, step_of
from mistudio.training.run import TrainingRun

_ON_TARGET = 0.05
"""Largest relative distance of the L0 from k."""
_SLICE = 1024
"""Tokens encoded at a time, in float32."""


class Quality(NamedTuple):
    """An SAE on the tokens held back."""

    fvu: float
    l0: float


class ValidationLine(NamedTuple):
    """One line of validation.jsonl."""

    step: int
    tokens: int
    """Tokens trained on so far."""
    fvu: float | None
    """Σ‖x−x̂‖²/Σ‖x−x̄‖² over the tokens held back; null where they are all alike."""
    l0: float
    """Active latents per token over the tokens held back."""
    on_target: bool
    """Whether the L0 is within 5 % of k."""
    best: bool
    """Whether the FVU is the lowest of all states on target so far."""


@dataclass
class _Memory:
    """What decides later steps."""

    best_step: int | None = None
    best_fvu: float | None = None
    best_l0: float | None = None
    mark: float | None = None
    """The FVU that must be improved upon for the run to go on."""
    unimproved: int = 0
    """Validations since then."""
    log_bytes: int = 0


class Validation:
    """Looks at a run now and then.

    Args:
        config: the run's; its `validation.validate_every` is given.
        acts_ND: the tokens held back, raw.
        folder: the run's, for the log and the best state.
    """

    def __init__(self, config: TrainConfig, acts_ND: Float[Tensor, "N D"], folder: Path) -> None:
        assert config.validation.validate_every is not None
        self._config, self._options, self._folder = config, config.validation, folder
        self._every = config.validation.validate_every
        self._acts_ND = acts_ND
        self._memory = _Memory()
        self._in_checkpoint: int | None = None
        """The best step that the newest checkpoint knows; a resumed run will ask for its state."""

    @property
    def keeps_best(self) -> bool:
        """Whether the best state is written down."""
        return self._options.keep_best or self._options.finish_with == "best"

    def begin(self, memory: dict[str, Any] | None) -> None:
        """Begin, or go on with what a checkpoint remembers."""
        self._memory = _Memory(**memory) if memory else _Memory()
        log = self._folder / VALIDATION_LOG
        log.touch()
        os.truncate(log, self._memory.log_bytes)  # Lines after the checkpoint will be written again.
        self._in_checkpoint = self._memory.best_step
        self._forget_but(self._in_checkpoint)

    def due(self, run: TrainingRun) -> bool:
        """Whether the run is to be looked at now."""
        done = run.steps_done
        return done > self._config.warmup_steps and (done % self._every == 0 or done == self._config.steps)

    def look(self, run: TrainingRun, facts: dict[str, Any]) -> bool:
        """Measure, write a line, keep the state if it is the best.

        Args:
            facts: what a state says beside the run's own facts.

        Returns:
            Whether the run shall stop early.

        Raises:
            DiskFull: the state does not fit.
        """
        memory, k = self._memory, self._config.sae.k
        found = measure(run, self._acts_ND)
        on_target = math.isfinite(found.fvu) and abs(found.l0 - k) <= _ON_TARGET * k
        best = on_target and (memory.best_fvu is None or found.fvu < memory.best_fvu)
        fvu = found.fvu if math.isfinite(found.fvu) else None
        line = ValidationLine(run.steps_done, run.tokens_done, fvu, found.l0, on_target, best)
        with (self._folder / VALIDATION_LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line._asdict()) + "\n")
            log.flush()
            memory.log_bytes = log.tell()
        if best:
            memory.best_step, memory.best_fvu, memory.best_l0 = run.steps_done, found.fvu, found.l0
        if on_target and (memory.mark is None or found.fvu < memory.mark * (1 - self._options.patience_margin)):
            memory.mark, memory.unimproved = found.fvu, 0
        elif memory.mark is not None:
            memory.unimproved += 1
        if best and self.keeps_best:
            self._keep(run, facts)
        return self._options.patience is not None and memory.unimproved >= self._options.patience

    def state(self) -> dict[str, Any]:
        """What a checkpoint must remember."""
        return asdict(self._memory)

    def checkpoint_saved(self) -> None:
        """A checkpoint with the present `state` is on disk: older best states are not asked for any more."""
        self._in_checkpoint = self._memory.best_step
        self._forget_but(self._in_checkpoint)

    def best_state(self) -> Path | None:
        """Where the best state lies; None where no state was on target, or none was kept."""
        if self._memory.best_step is None or not self.keeps_best:
            return None
        return _place(self._folder, self._memory.best_step)

    def summary(self, *, stopped_early: bool) -> dict[str, Any]:
        """What the manifest says."""
        memory = self._memory
        return {
            "held_back_tokens": len(self._acts_ND),
            "best_step": memory.best_step,
            "best_fvu": memory.best_fvu,
            "best_l0": memory.best_l0,
            "stopped_early": stopped_early,
        }

    def _keep(self, run: TrainingRun, facts: dict[str, Any]) -> None:
        target = _place(self._folder, run.steps_done)
        tensors, own = run.state()
        save_state(target, run.steps_done, tensors, own | facts | {"validation": self.state()})
        self._forget_but(run.steps_done, self._in_checkpoint)

    def _forget_but(self, *steps: int | None) -> None:
        for path in (self._folder / BEST).glob("step-*"):
            if step_of(path) not in steps:
                shutil.rmtree(path)


def measure(run: TrainingRun, acts_ND: Float[Tensor, "N D"]) -> Quality:
    """The SAE that the run would save now, on raw activations, or inputs and targets, computed in float32."""
    reconstruction, active = Reconstruction(), 0
    with torch.no_grad():
        outside: Literal["layer_norm", "none"] = "layer_norm" if run.normalisation.outside else "none"
        sae = SparseAutoencoder(*run.result(), hook="", model_name="", normalisation=outside)
        for acts_SD in torch.split(acts_ND, _SLICE):
            acts_SD = acts_SD.to(sae.W_dec_FD.device).float()
            x_BD, y_BE = acts_SD[:, : sae.d_in], acts_SD[:, -sae.d_out :]
            code = sae.encode_sparse(x_BD)
            reconstruction.update(y_BE, sae.decode_sparse(code, x_BD))
            active += int((code.values_BK != 0).sum())
    return Quality(reconstruction.fvu, active / len(acts_ND))


def _place(folder: Path, step: int) -> Path:
    return folder / BEST / f"step-{step:09d}"
