"""sparsify: its `Trainer.fit` on its own SparseCoder, which writes the SAE itself.

Its trainer reads activations off a language model. It gets one of a single module that gives the batches as they are:
every "token id" is a row of the next batch. By its defaults, with signum, or with Adam, whose warm-up is a twentieth of
the run where its 1,000 steps are longer. Runs in the peers' environment.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import torch
from sparsify import SparseCoderConfig, TrainConfig, Trainer
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

_HOOK = "source"
_WARMUP_STEPS = 1000


def version() -> str:
    """The library and its version."""
    return f"sparsify {version_of('eai-sparsify')}"


def settings(options: dict[str, Any]) -> dict[str, Any]:
    """What differs from the library's defaults."""
    warmup = {"lr_warmup_steps": min(_WARMUP_STEPS, options["steps"] // 20)} if options["variant"] == "adam" else {}
    return {"lr": options["lr"], "optimizer": options["variant"], **warmup}


def train(options: dict[str, Any], batches: Any) -> Callable[[Path], object]:
    """Train; returns what writes the SAE into a folder."""
    folder = Path(options["out"]) / "sparsify"
    config = TrainConfig(
        sae=SparseCoderConfig(num_latents=options["d_sae"], k=options["k"]),
        batch_size=options["batch_size"],
        hookpoints=[_HOOK],
        init_seeds=[options["seed"]],
        save_every=options["steps"] + 2,
        save_dir=str(folder),
        run_name="run",
        log_to_wandb=False,
        **settings(options),
    )
    rows = _Rows(options["steps"] * options["batch_size"])
    model = _Activations(batches.d_in)
    trainer = Trainer(config, rows, model)
    model.source.batches = iter(batches)
    trainer.fit()

    def save(out: Path) -> None:
        for file in (folder / "run" / _HOOK).iterdir():
            shutil.move(file, out / file.name)
        shutil.rmtree(folder)

    return save


class _Rows:
    """As many contexts of one token as a run has tokens."""

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens

    def __len__(self) -> int:
        return self._tokens

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {"input_ids": torch.tensor([row])}

    def __getitems__(self, rows: list[int]) -> list[dict[str, Tensor]]:
        return [{"input_ids": ids_1} for ids_1 in torch.tensor(rows)[:, None]]


class _Source(nn.Module):
    """Gives the next batch, whatever it is asked for; zeros before there are any."""

    def __init__(self, d_in: int) -> None:
        super().__init__()
        self.d_in = d_in
        self.batches: Any = None

    def forward(self, ids_BT: Tensor) -> Tensor:
        if self.batches is None:
            return torch.zeros(*ids_BT.shape, self.d_in)
        batch_BD: Tensor = next(self.batches)
        return batch_BD[:, None]


class _Activations(PreTrainedModel):
    """A language model that is nothing but a place to read activations from."""

    config_class = PretrainedConfig

    def __init__(self, d_in: int) -> None:
        super().__init__(PretrainedConfig())
        self.source = _Source(d_in)
        self.nothing = nn.Parameter(torch.zeros(1))

    @property
    def dummy_inputs(self) -> dict[str, Tensor]:
        """What the trainer finds the width with."""
        return {"ids_BT": torch.zeros(1, 1, dtype=torch.long)}

    def forward(self, ids_BT: Tensor) -> Tensor:
        activations: Tensor = self.source(ids_BT)
        return activations
