"""What holds in every test.

Annotations are checked while the tests run; an int is a float, as it is for mypy. All but the room cli: its verbs are
annotated for Typer, which passes something else. Tiny models are fastest on one thread, above all where several test
processes share the cores; and threads that wait must sleep there: where they spin, a tiny product takes milliseconds.
"""

import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # Read when OpenMP is loaded, so before torch is.

import torch
from jaxtyping import install_import_hook

_SOURCE = Path(__file__).parents[1] / "src" / "mistudio"
install_import_hook(
    sorted(f"mistudio.{path.stem}" for path in _SOURCE.iterdir() if path.stem not in ("__init__", "cli")),
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",
)

torch.set_num_threads(1)
