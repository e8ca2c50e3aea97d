"""Contenders in processes of their own: one clear sentence when one of them falls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mistudio.bench.turns import take_turns
from mistudio.errors import PeerFailed
from mistudio.progress import Silent
from tests.bench.conftest import TINY, stand_in

DYING = """
import os
from itertools import count
turns = count()
def version():
    return "dying 1.0"
def build(options, batches):
    return lambda batch: os._exit(9) if next(turns) == options["warmup_steps"] + 1 else None
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("raise ImportError('no such library')", r"Broken stopped before its first step: ImportError: no such library"),
        (DYING, r"Broken stopped while it took a step: it ended with exit code 9"),
    ],
)
def test_a_peer_that_falls_is_named_in_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    (contender,) = stand_in(tmp_path, text, name="Broken").contenders
    np.save(tmp_path / "activations.npy", np.zeros((64, 16), dtype=np.float32))
    options = TINY.model_dump() | {"activations": str(tmp_path / "activations.npy")}
    with pytest.raises(PeerFailed, match=says) as caught:
        take_turns([contender], options, TINY.rounds, Silent())
    assert "\n" not in caught.value.message
