"""Two processes train what one would have trained, whether they share out the tokens or the latents."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mistudio.sae.native_file import load_sae
from mistudio.training.layout import LOG

_FILES = ("sae_weights.safetensors", "sparsity.safetensors", "cfg.json")
ARCHITECTURES = ("topk", "batchtopk", "matryoshka", "jumprelu", "gated", "standard")


class Launched(NamedTuple):
    folder: Path
    found: list[dict[str, Any]]
    """What each process found; nothing of one that was killed."""


def launch(folder: Path, name: str) -> list[dict[str, Any]]:
    program = (sys.executable, "-m", "tests.training.one_of_two")
    processes = [
        subprocess.Popen(
            [*program, str(rank), str(folder), name], stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=500)[1] for process in processes]
    answers = [folder / f"{name}-{rank}.json" for rank in range(2)]
    assert answers[0].is_file(), said
    return [json.loads(answer.read_text()) if answer.is_file() else {} for answer in answers]


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Launched:
    folder = tmp_path_factory.mktemp("two")
    return Launched(folder, launch(folder, "first"))


def bytes_of(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in _FILES]


@pytest.mark.parametrize(
    ("shared", "architecture"),
    [("tokens", each) for each in ARCHITECTURES] + [("latents", each) for each in ARCHITECTURES if each[0] != "m"],
)
def test_two_processes_train_what_one_would(launched: Launched, shared: str, architecture: str) -> None:
    found = launched.found[0][shared][architecture]
    assert found["batches_equal"]
    assert found["same_everywhere"]
    assert max(found["apart"].values()) < 1e-4, found["apart"]
    assert found["reports"] < 1e-4
    assert found["auxiliary_loss"] > 0


@pytest.mark.parametrize("shared", ["tokens", "latents"])
def test_where_one_is_asked_to_stop_both_do_and_go_on_bit_for_bit(launched: Launched, shared: str) -> None:
    assert launched.found[0][f"{shared}-stopped"]
    folder = launched.folder
    assert bytes_of(folder / f"{shared}-resumed") == bytes_of(folder / f"{shared}-whole")
    lines = (folder / f"{shared}-resumed" / LOG).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 3, 5, 6]


@pytest.mark.parametrize("shared", ["tokens", "latents"])
def test_the_saved_sae_is_the_one_of_a_single_process(launched: Launched, shared: str) -> None:
    ours, alone = load_sae(launched.folder / f"{shared}-whole"), load_sae(launched.folder / "alone")
    assert ours.config == alone.config
    assert ours.metadata == alone.metadata
    for name, tensor in alone.weights.tensors().items():
        apart = float((ours.weights.tensors()[name] - tensor).norm() / tensor.norm())
        assert apart < 1e-4, name


def test_a_killed_process_is_missed_in_one_sentence_and_the_same_run_goes_on(launched: Launched) -> None:
    message, remedy = launched.found[0]["lost"]
    assert message == "Another process of this training ended, or cannot be reached."
    assert remedy == "Read above why it ended; the same command goes on from the last checkpoint."
    launch(launched.folder, "second")
    assert bytes_of(launched.folder / "killed") == bytes_of(launched.folder / "latents-whole")
