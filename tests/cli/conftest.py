"""A store that the whole road was walked in, by commands, on a tiny model and made-up letters."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.tiny_models import save_tiny_checkpoint

_TEXT = (
    "four score and seven years ago our fathers brought forth on this continent a new nation conceived in liberty and "
    "dedicated to the proposition that all men are created equal"
)
TRAIN = ("--k", 4, "--expansion", 2, "--batch-size", 128, "--buffer-tokens", 1024, "--log-every", 5, "--aux-k", 8)


def write_letters(folder: Path, documents: int = 24, words: int = 120, seed: int = 0) -> Path:
    folder.mkdir(parents=True)
    draw = random.Random(seed)
    for number in range(documents):
        (folder / f"{number:02d}.txt").write_text(" ".join(draw.choices(_TEXT.split(), k=words)))
    return folder


@dataclass(frozen=True)
class Walked:
    """Where the road left what."""

    root: Path
    run: Program
    model: str = "tiny"
    tokens: str = "letters-tiny"

    @property
    def activations(self) -> Path:
        return self.root / "acts"

    @property
    def sae(self) -> Path:
        return self.root / "sae"

    @property
    def features(self) -> Path:
        return self.root / "features"


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    root = tmp_path_factory.mktemp("road")
    road = Walked(root, Program(root / "home"))
    run = road.run
    run.ok("model", "add", save_tiny_checkpoint(root / "tiny"), "--dtype", "float32")
    run.ok("corpus", "add", write_letters(root / "letters"), "--held-out", 0.2)
    run.ok("corpus", "tokenize", "letters", "--model", "tiny", "--context-length", 32)
    run.ok("trace", "--model", "tiny", "--corpus", "letters-tiny", "--layer", 2, "--out", road.activations)
    run.ok("train", "--activations", road.activations, *TRAIN, "--tokens", 8000, "--out", road.sae)
    run.ok("find", road.sae, "--model", "tiny", "--corpus", "letters-tiny", "--out", road.features)
    return road
