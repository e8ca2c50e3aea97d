"""One contender of a benchmark: takes a step whenever it is told to, and says how long it took.

    python loop.py STEP_FILE OPTIONS

1. The threads are counted as told, and idle OpenMP threads sleep, so that this process is silent between its turns.
2. STEP_FILE's `build(options, batches)` gives the function that takes one step on a batch.
3. After the warm-up it writes {"ready": {"library": …, "torch": …}} and then, for each line "go" that it reads,
   {"seconds": …, "cpu_seconds": …}, the latter summed over its threads. It leaves when its input ends.

Imports nothing of miStudio: it runs in other libraries' environments. Whatever a library prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import time
from itertools import cycle
from pathlib import Path

for name, value in {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}.items():
    os.putenv(name, value)  # OpenMP reads them when torch is imported.

import numpy as np  # noqa: E402
import torch  # noqa: E402


def main(step_file: str, options_json: str) -> None:
    """Build the contender and answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    options = json.loads(options_json)
    torch.set_num_threads(options["threads"])
    torch.manual_seed(options["seed"])
    contender = runpy.run_path(step_file)
    acts = torch.from_numpy(np.load(options["activations"]))
    batches = torch.split(acts, options["batch_size"])
    step = contender["build"](options, batches)
    turns = cycle(batches)
    for _ in range(options["warmup_steps"]):
        step(next(turns))
    facts = {"library": contender["version"](), "torch": torch.__version__, "file": Path(step_file).name}
    answers.write(json.dumps({"ready": facts}) + "\n")
    for line in sys.stdin:
        if line.strip() != "go":
            break
        batch = next(turns)
        start, cpu_start = time.perf_counter(), time.process_time()
        step(batch)
        taken = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu_start}
        answers.write(json.dumps(taken) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
