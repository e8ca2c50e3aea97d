"""Train one SAE with one library, in that library's environment, and write down how long it took.

    python fit.py LIBRARY_FILE OPTIONS

1. `Batches` reads the activations, which are the same file for all, in an order that the seed decides.
2. LIBRARY_FILE's `train(options, batches)` trains with the library's own trainer and gives a function that writes the
   SAE into a folder, or None where the training broke down.
3. OPTIONS' `out` receives the SAE, and `fit.json`: the library, its version, seconds of training. Reading the batches
   is not counted, nor is writing the SAE.

Imports nothing of miStudio: it runs in other libraries' environments. Whatever a library prints goes to standard error.

N tokens in the file, B tokens in a batch, D d_in.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import time
from collections.abc import Iterator
from pathlib import Path

for name, value in {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}.items():
    os.putenv(name, value)  # OpenMP reads them when torch is imported.

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import Tensor  # noqa: E402


class Batches:
    """The batches of a run: whole ones, over epoch after epoch, each epoch in an order of its own.

    Args:
        file: bare rows of float16.
        d_in: numbers in a row.
        batch_size: tokens a batch.
        steps: batches of a run.
        seed: decides the order.
    """

    def __init__(self, file: str, d_in: int, batch_size: int, steps: int, seed: int) -> None:
        self._acts_ND = np.memmap(file, dtype=np.float16, mode="r").reshape(-1, d_in)
        self.d_in, self.batch_size, self.steps, self.seed = d_in, batch_size, steps, seed
        self.an_epoch = len(self._acts_ND) // batch_size
        """Whole batches in the file."""
        self.seconds = 0.0
        """Spent on reading, so that it can be taken off a training's time."""

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Tensor]:
        """The batches of the run from the first one on, each a copy that belongs to the caller, in float32."""
        epoch = 0
        while True:
            for number, batch_BD in enumerate(self.epoch(epoch), epoch * self.an_epoch):
                if number == self.steps:
                    return
                yield batch_BD
            epoch += 1

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Tensor]:
        """The batches of an epoch from number `start` on."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self._acts_ND))
        for number in range(start, self.an_epoch):
            began = time.perf_counter()
            rows = np.sort(order[number * self.batch_size : (number + 1) * self.batch_size])
            batch_BD = torch.from_numpy(self._acts_ND[rows].astype(np.float32))
            self.seconds += time.perf_counter() - began
            yield batch_BD


def main(library_file: str, options_json: str) -> None:
    """Train, measure the time, write."""
    os.dup2(2, 1)
    options = json.loads(options_json)
    out = Path(options["out"])
    torch.set_num_threads(options["threads"])
    torch.manual_seed(options["seed"])
    batches = Batches(options["activations"], *(options[name] for name in ("d_in", "batch_size", "steps", "seed")))
    library = runpy.run_path(library_file)
    start, cpu_start = time.perf_counter(), time.process_time()
    save = library["train"](options, batches)
    seconds, cpu_seconds = time.perf_counter() - start - batches.seconds, time.process_time() - cpu_start
    if save is not None:
        save(out)
    facts = {
        "broke_down": save is None,
        "library": library["version"](),
        "torch": torch.__version__,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "settings": library["settings"](options),
    }
    (out / "fit.json").write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
