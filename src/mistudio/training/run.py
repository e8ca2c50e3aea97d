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

from mistudio.errors import BadInput, Diverged
from mistudio.sae.collective import SINGLE, Mesh
from mistudio.sae.config import SaeConfig
from mistudio.sae.initial import first_weights
from mistudio.sae.kernels.protocol import AdamMoments, AdamSettings
from mistudio.sae.penalty import PenalisedStep
from mistudio.sae.registry import TRAININGS, architecture_of, trained
from mistudio.sae.sparse_step import StepLoss
from mistudio.sae.weights import Weights
from mistudio.training.accumulation import Accumulation
from mistudio.training.config import TrainConfig
from mistudio.training.dead_latents import FiringRecord
from mistudio.training.resampling import resample
from mistudio.training.schedules import k_at, lr_factor, risen
from mistudio.training.starting_point import StartingPoint

_DTYPES = {"auto": None, "float32": torch.float32, "bfloat16": torch.bfloat16}


class Report(NamedTuple):
    """One line of training.jsonl."""

    step: int
    tokens: int
    """Tokens trained on so far."""
    loss: float
    """Mean squared error per element of the normalised activations; of several prefixes of the latents the mean."""
    auxiliary_loss: float
    """AuxK's loss in the same unit; 0 while no latent is dead."""
    penalty: float
    """What sparsity costs beside the loss, after its coefficient; 0 where nothing but the selection makes it."""
    coefficient: float
    """The penalty's weight; 0 where there is none."""
    fvu: float
    """Σ‖x−x̂‖²/Σ‖x−x̄‖² over the last batch, of raw activations."""
    l0: float
    """Active latents per token over the last batch."""
    dead_share: float
    """Share of the latents that were silent for `dead_after` tokens."""
    revived: int
    """Dead latents that fired again since the last line."""
    lr: float
    gradient_norm: float
    """Norm of the whole gradient before clipping."""


class TrainingRun:
    """An SAE in training.

    Args:
        config: the run.
        start: what is done to the activations, and their centre; for a transcoder, of inputs and targets.
        device: where to train.
        mesh: the processes that train together; all make the same calls.
        learning_rate: the highest one; the configuration's where not given.

    Raises:
        BadInput: the processes can't divide this work.
    """

    def __init__(
        self,
        config: TrainConfig,
        start: StartingPoint,
        device: torch.device,
        mesh: Mesh = SINGLE,
        *,
        learning_rate: float | None = None,
    ) -> None:
        self.config = config
        # A copy: members of a sweep start from the same, and a checkpoint refuses tensors that share memory.
        tensors = {name: tensor.to(device, copy=True) for name, tensor in start.normalisation.tensors().items()}
        self.normalisation = start.normalisation.restored(mesh.same_everywhere(tensors))
        self.steps_done = 0
        self.mesh = mesh
        self._training = TRAININGS[config.sae.architecture]
        self._width = config.sae.width(start.d_in)
        centre_D = mesh.everyone.broadcast(start.centre_D.to(device)).cpu()
        # All latents together may not fit on the device.
        every = first_weights(config.sae, start.d_in, centre_D, seed=config.seed, more=self._training.tensors)
        weights = mesh.shard(every).map(lambda tensor: tensor.to(device))
        self._step = self._training.step(config.sae, weights, gemm_dtype=_DTYPES[config.precision], mesh=mesh)
        self._accumulation = Accumulation(self._step, config.accumulate)
        self._check_divisible()
        self.moments = AdamMoments(weights.zeros_like(), weights.zeros_like())
        self.firing = FiringRecord(weights.b_enc_F.shape[0], config.dead_after(), device, mesh.tokens)
        self.learning_rate = learning_rate or config.learning_rate(self._width)
        self._device = device

    @property
    def weights(self) -> Weights:
        """The master weights, for normalised activations."""
        return self._step.weights

    @property
    def tokens_done(self) -> int:
        """Tokens trained on so far."""
        return self.steps_done * self.config.batch_size

    def result(self) -> tuple[SaeConfig, Weights]:
        """The trained SAE, for raw activations."""
        config, weights = trained(self.config.sae, self.weights, self._step.kept)
        return config, self.normalisation.fold(weights, each_row=not architecture_of(config.architecture).compares)

    def step(self, acts_BD: Float[Tensor, "B D"], *, report: bool) -> Report | None:
        """Train on one batch of raw activations.

        Args:
            acts_BD: any float dtype; the whole batch, also where this process takes a share of it. A transcoder's are
                inputs and targets side by side.
            report: also compute the batch's numbers, which waits for the device.

        Raises:
            Diverged: the gradient is no longer finite; the weights are left as they were.
        """
        config = self.config
        raw_BD = self.mesh.rows(acts_BD).to(self._device, torch.float32)
        x_BD = self.normalisation.apply(raw_BD)
        self._follow_schedules()
        loss = self._accumulation(x_BD, self._dead_F() if config.revive == "auxk" else None)
        if not math.isfinite(loss.gradient_norm):
            raise Diverged(f"The gradient is no longer finite after {self.steps_done:,} steps.")
        lr = self.learning_rate * lr_factor(
            self.steps_done, config.steps, config.warmup_steps, config.decay_share, config.lr_schedule
        )
        clip = config.gradient_clip
        clipped = min(1.0, clip / loss.gradient_norm) if clip and loss.gradient_norm > 0 else 1.0
        self._step.kernels.adam(
            self.weights,
            self._accumulation.gradients,
            self.moments,
            AdamSettings(lr, config.beta1, config.beta2, config.eps, clipped, self._step.unit_norm, self._step.faster),
        )
        self.firing.count(loss.code)
        self.steps_done += 1
        self._resample(x_BD, loss.error_BD)
        self._step.refresh()
        if self.steps_done == config.steps - max(1, config.steps // 5):
            self.firing.restart_count()  # The firing shares that are saved are those of the last fifth.
        return self._report(raw_BD, x_BD, loss, lr) if report else None

    def _check_divisible(self) -> None:
        config, latents, everyone = self.config, self.mesh.latents, self.mesh.everyone
        if everyone.size > 1 and config.sae.target is not None:
            raise BadInput(
                "A transcoder is trained by a single process only.", remedy="Leave out --target, or leave out torchrun."
            )
        if latents.size > 1 and len(self._step.ends) > 1:
            raise BadInput(
                f"The latents of {config.sae.architecture} can't be divided among processes.",
                remedy="Leave out --latent-shards: the processes then share out the tokens.",
            )
        if everyone.size > 1 and config.revive == "resample":
            raise BadInput(
                "Dead latents are resampled by a single process only.",
                remedy="Use --revive auxk, or leave out torchrun.",
            )
        if latents.size > 1 and config.accumulate > 1:
            raise BadInput(
                "Batches are not worked through in parts where processes divide the latents.",
                remedy="Leave out --accumulate, or choose a smaller --batch-size.",
            )

    def _dead_F(self) -> Tensor | None:
        """The dead latents, if there can be any and any process has one."""
        if self.tokens_done < self.config.dead_after():
            return None
        dead_F = self.firing.dead_F()
        return dead_F if self.mesh.latents.total(bool(dead_F.any())) else None

    def _follow_schedules(self) -> None:
        config, step = self.config, self._step
        step.k = k_at(self.steps_done, config.steps, config.sae.k, config.k_start, config.k_share)
        if isinstance(step, PenalisedStep):
            step.risen = risen(self.steps_done, config.steps, config.coefficient_share)

    def _resample(self, x_BD: Tensor, error_BD: Tensor) -> None:
        """Give dead latents new directions, if it is time."""
        config = self.config
        due = self.steps_done % config.resample_steps() == 0
        if config.revive != "resample" or not due or self.steps_done > config.steps * (1 - config.decay_share):
            return
        dead_F = self._dead_F()
        if dead_F is not None:
            # Seeded by the step, so that a resumed run draws the same.
            generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.steps_done)
            resample(
                self.weights, self.moments, dead_F, x_BD, error_BD,
                generator=generator, sparse_by_bias=self._step.sparse_by_bias,
            )  # fmt: skip

    def _report(self, raw_BD: Tensor, x_BD: Tensor, loss: StepLoss, lr: float) -> Report:
        tokens, latents, everyone = self.mesh.tokens, self.mesh.latents, self.mesh.everyone
        squared, variance = self._squares(raw_BD, x_BD, loss)
        return Report(
            step=self.steps_done,
            tokens=self.tokens_done,
            loss=tokens.total(float(loss.reconstruction)) / tokens.size,
            auxiliary_loss=tokens.total(float(loss.auxiliary)) / tokens.size,
            penalty=everyone.total(float(loss.penalty)) / tokens.size,
            coefficient=self._step.coefficient if isinstance(self._step, PenalisedStep) else 0.0,
            fvu=squared / variance if variance else 0.0,
            l0=everyone.total(float((loss.code.values_N > 0).sum())) / self.mesh.batch_tokens(x_BD.shape[0]),
            dead_share=latents.total(float(self.firing.dead_F().sum())) / self._width,
            revived=round(latents.total(self.firing.take_revived())),
            lr=lr,
            gradient_norm=loss.gradient_norm,
        )

    def _squares(self, raw_BD: Tensor, x_BD: Tensor, loss: StepLoss) -> tuple[float, float]:
        """Σ‖x−x̂‖² and Σ‖x−x̄‖² over the whole batch."""
        tokens = self.mesh.tokens
        found = self.normalisation.squares(torch.cat(tokens.gather(loss.error_BD)), torch.cat(tokens.gather(raw_BD)))
        if found is not None:
            return found
        mean_D = tokens.sum(x_BD.mean(0)) / tokens.size
        return tokens.total(float(loss.squared_error)), tokens.total(float((x_BD - mean_D).pow(2).sum()))

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that decides the next step: tensors by name, and plain facts."""
        groups = {"weights": self.weights, "first": self.moments.first, "second": self.moments.second}
        tensors = {f"{group}.{name}": t for group, ws in groups.items() for name, t in ws.tensors().items()}
        tensors |= {"revived": self.firing.revived}
        tensors |= {"silent_F": self.firing.silent_F, "fired_F": self.firing.fired_F}
        tensors |= StartingPoint.state(self.normalisation)
        tensors |= {f"kept.{name}": tensor for name, tensor in self._step.kept.items()}
        return tensors, {
            "adam_steps": self.moments.steps,
            "counted_tokens": self.firing.counted_tokens,
            "learning_rate": self.learning_rate,
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
        self.firing.revived.copy_(tensors["revived"])
        self.firing.fired_F.copy_(tensors["fired_F"])
        self.firing.counted_tokens = int(facts["counted_tokens"])
        self.moments.steps = int(facts["adam_steps"])
        self.learning_rate = float(facts.get("learning_rate", self.learning_rate))
        self.steps_done = int(facts["step"])
        self._step.refresh()
