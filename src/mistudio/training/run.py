"""The state of a training run and its single step: encode, differentiate, update, count.

Knows where activations come from and how an SAE learns; knows no files.

B tokens, D d_in, F d_sae.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.errors import Diverged
from mistudio.sae.config import SaeConfig
from mistudio.sae.initial import initial_transcoder, initial_weights
from mistudio.sae.kernels.protocol import AdamMoments, AdamSettings
from mistudio.sae.registry import TRAININGS, trained
from mistudio.sae.sparse_step import StepLoss
from mistudio.sae.weights import Weights, rescale
from mistudio.training.config import TrainConfig
from mistudio.training.dead_latents import FiringRecord
from mistudio.training.schedules import lr_factor
from mistudio.training.starting_point import StartingPoint


class Report(NamedTuple):
    """One line of training.jsonl."""

    step: int
    tokens: int
    """Tokens trained on so far."""
    loss: float
    """Mean squared error per element of the scaled activations; of several prefixes of the latents the mean."""
    auxiliary_loss: float
    """AuxK's loss in the same unit; 0 while no latent is dead."""
    fvu: float
    """Σ‖x−x̂‖²/Σ‖x−x̄‖² over the last batch."""
    l0: float
    """Active latents per token over the last batch."""
    dead_share: float
    """Share of the latents that were silent for `dead_after` tokens."""
    lr: float
    gradient_norm: float
    """Norm of the whole gradient before clipping."""


class TrainingRun:
    """An SAE in training.

    Args:
        config: the run.
        start: scale and centre of the activations; for a transcoder, of inputs and targets.
        device: where to train.
    """

    def __init__(self, config: TrainConfig, start: StartingPoint, device: torch.device) -> None:
        self.config = config
        self.scale = start.scale
        self.steps_done = 0
        centre_D = start.centre_D.to(device)
        self._training = TRAININGS[config.sae.architecture]
        self.pair = start.pair.to(device) if start.pair else None
        weights = (
            initial_weights(config.sae.width(len(centre_D)), centre_D, seed=config.seed, more=self._training.tensors)
            if self.pair is None
            else initial_transcoder(
                config.sae.width(len(self.pair.centre_D)),
                len(self.pair.centre_D),
                centre_D,
                seed=config.seed,
                skip=config.sae.skip,
                more=self._training.tensors,
            )
        )
        self._step = self._training.step(config.sae, weights)
        self.moments = AdamMoments(weights.zeros_like(), weights.zeros_like())
        self.firing = FiringRecord(weights.b_enc_F.shape[0], config.dead_after(), device)
        self._lr = config.learning_rate(weights.b_enc_F.shape[0])
        self._device = device

    @property
    def weights(self) -> Weights:
        """The master weights, for scaled activations."""
        return self._step.weights

    @property
    def tokens_done(self) -> int:
        """Tokens trained on so far."""
        return self.steps_done * self.config.batch_size

    def result(self) -> tuple[SaeConfig, Weights]:
        """The trained SAE, for raw activations."""
        config, weights = trained(self.config.sae, self.weights, self._step.kept)
        return config, self.pair.fold(weights) if self.pair else rescale(weights, self.scale)

    def step(self, acts_BD: Float[Tensor, "B D"], *, report: bool) -> Report | None:
        """Train on one batch of raw activations.

        Args:
            acts_BD: any float dtype; a transcoder's inputs and targets side by side.
            report: also compute the batch's numbers, which waits for the device.

        Raises:
            Diverged: the gradient is no longer finite; the weights are left as they were.
        """
        config = self.config
        raw_BD = acts_BD.to(self._device, torch.float32)
        x_BD = self.pair.apply(raw_BD) if self.pair else raw_BD * self.scale
        dead_F = self.firing.dead_F() if self.tokens_done >= config.dead_after() else None
        if dead_F is not None and not bool(dead_F.any()):
            dead_F = None
        loss = self._step(x_BD, dead_F)
        if not math.isfinite(loss.gradient_norm):
            raise Diverged(f"The gradient is no longer finite after {self.steps_done:,} steps.")
        lr = self._lr * lr_factor(self.steps_done, config.steps, config.warmup_steps, config.decay_share)
        clip = config.gradient_clip
        clipped = min(1.0, clip / loss.gradient_norm) if clip and loss.gradient_norm > 0 else 1.0
        self._step.kernels.adam(
            self.weights,
            self._step.gradients,
            self.moments,
            AdamSettings(lr, config.beta1, config.beta2, config.eps, clipped, self._step.unit_norm, self._step.faster),
        )
        self._step.refresh()
        self.firing.count(loss.code)
        self.steps_done += 1
        if self.steps_done == config.steps - max(1, config.steps // 5):
            self.firing.restart_count()  # The firing shares that are saved are those of the last fifth.
        return self._report(self._step.target(x_BD), loss, lr) if report else None

    def _report(self, x_BD: Tensor, loss: StepLoss, lr: float) -> Report:
        variance = float((x_BD - x_BD.mean(0)).pow(2).sum())
        return Report(
            step=self.steps_done,
            tokens=self.tokens_done,
            loss=float(loss.reconstruction),
            auxiliary_loss=float(loss.auxiliary),
            fvu=float(loss.squared_error) / variance if variance else 0.0,
            l0=float((loss.code.values_N > 0).sum()) / x_BD.shape[0],
            dead_share=float(self.firing.dead_F().float().mean()),
            lr=lr,
            gradient_norm=loss.gradient_norm,
        )

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that decides the next step: tensors by name, and plain facts."""
        groups = {"weights": self.weights, "first": self.moments.first, "second": self.moments.second}
        tensors = {f"{group}.{name}": t for group, ws in groups.items() for name, t in ws.tensors().items()}
        tensors |= self.pair.state() if self.pair else {}
        tensors |= {"silent_F": self.firing.silent_F, "fired_F": self.firing.fired_F}
        tensors |= {f"kept.{name}": tensor for name, tensor in self._step.kept.items()}
        return tensors, {
            "adam_steps": self.moments.steps,
            "counted_tokens": self.firing.counted_tokens,
            "scale": self.scale,
        }

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state, bit for bit."""
        groups = {"weights": self.weights, "first": self.moments.first, "second": self.moments.second}
        for group, weights in groups.items():
            for name, tensor in weights.tensors().items():
                tensor.copy_(tensors[f"{group}.{name}"])
        for name, tensor in self._step.kept.items():
            tensor.copy_(tensors[f"kept.{name}"])
        self.firing.silent_F.copy_(tensors["silent_F"])
        self.firing.fired_F.copy_(tensors["fired_F"])
        self.firing.counted_tokens = int(facts["counted_tokens"])
        self.moments.steps = int(facts["adam_steps"])
        self.scale = float(facts["scale"])
        self.steps_done = int(facts["step"])
        self._step.refresh()
