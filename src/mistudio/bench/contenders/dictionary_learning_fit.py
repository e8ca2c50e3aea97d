"""dictionary_learning: its `trainSAE` with its own trainers, whose state is written as it is, as safetensors.

By its defaults and, as in its demo, on activations of unit mean squared norm, which it folds into the biases itself;
the learning rate falls over the last fifth. Its warm-ups and the start of its threshold are counted in steps, and are
shares of the run where they are longer: a twentieth, a tenth for the sparsity penalty, half for the threshold. Its
recording of activations needs packages that training does not: a stand-in takes their place. Runs in the peers'
environment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version as version_of
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import save_file

_recording = ModuleType("nnsight")
vars(_recording)["LanguageModel"] = type("LanguageModel", (), {})
sys.modules.setdefault("nnsight", _recording)

from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer  # noqa: E402
from dictionary_learning.trainers.jumprelu import JumpReluTrainer  # noqa: E402
from dictionary_learning.trainers.top_k import TopKTrainer  # noqa: E402
from dictionary_learning.training import trainSAE  # noqa: E402

_WARMUP_STEPS, _SPARSITY_STEPS, _THRESHOLD_START = 1000, 2000, 1000


def version() -> str:
    """The library and its version."""
    return f"dictionary_learning {version_of('dictionary-learning')}"


def settings(options: dict[str, Any]) -> dict[str, Any]:
    """What differs from the library's defaults."""
    steps = options["steps"]
    chosen = {
        "lr": options["lr"],
        "warmup_steps": min(_WARMUP_STEPS, steps // 20),
        "decay_start": steps - steps // 5,
    }
    if options["arch"] == "jumprelu":
        return {**chosen, "sparsity_warmup_steps": min(_SPARSITY_STEPS, steps // 10), "target_l0": options["k"]}
    return {**chosen, "threshold_start_step": min(_THRESHOLD_START, steps // 2), "k": options["k"]}


def train(options: dict[str, Any], batches: Any) -> Callable[[Path], object]:
    """Train; returns what writes the SAE into a folder."""
    folder = Path(options["out"])
    trainers = {"topk": TopKTrainer, "batchtopk": BatchTopKTrainer, "jumprelu": JumpReluTrainer}
    trainSAE(
        batches,
        [
            {
                "trainer": trainers[options["arch"]],
                "steps": options["steps"],
                "activation_dim": batches.d_in,
                "dict_size": options["d_sae"],
                "layer": 0,
                "lm_name": "given",
                "seed": options["seed"],
                "device": "cpu",
                **settings(options),
            }
        ],
        steps=options["steps"],
        save_dir=str(folder),
        normalize_activations=True,
        device="cpu",
    )

    def save(out: Path) -> None:
        state = torch.load(folder / "trainer_0" / "ae.pt", weights_only=True)
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, out / "ae.safetensors")

    return save
