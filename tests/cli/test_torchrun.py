"""`mistudio train` under torchrun: two processes, one voice, one SAE."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from threading import Timer

from mistudio.artifacts.atomic import partial_of
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import open_artifact
from tests.cli.conftest import TRAIN, Walked

_TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "-m", "mistudio")


def started(walked: Walked, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*_TORCHRUN, "--home", str(walked.run.home), "train", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_two_processes_train_one_sae_and_one_of_them_speaks(walked: Walked, tmp_path: Path) -> None:
    source = ("--model", "tiny", "--corpus", "letters-tiny", "--layer", 2)
    work = started(walked, *source, *TRAIN, "--tokens", 1500, "--latent-shards", 2, "--out", tmp_path / "sae")
    out, err = work.communicate(timeout=300)
    assert work.returncode == 0, err
    assert out.count("FVU of the last batch") == 1
    assert err.count("train …") == 1
    assert open_artifact(tmp_path / "sae", Kind.SAE, deep=True).manifest.metrics["tokens"] == 1408


def test_what_cannot_be_divided_is_said_once(walked: Walked, tmp_path: Path) -> None:
    odd = ("--k", 4, "--expansion", 2, "--batch-size", 127, "--tokens", 1500)
    work = started(walked, "--activations", walked.activations, *odd, "--out", tmp_path / "sae")
    _, err = work.communicate(timeout=300)
    assert work.returncode != 0
    assert err.count("A batch of 127 tokens can't be divided among 2 processes.") == 1
    assert err.count("What to do: ") == 1


def test_ctrl_c_stops_both_and_leaves_a_checkpoint(walked: Walked, tmp_path: Path) -> None:
    out = tmp_path / "sae"
    work = started(walked, "--activations", walked.activations, *TRAIN, "--tokens", 10_000_000, "--out", out)
    assert work.stderr is not None
    said = []
    for line in work.stderr:
        said.append(line)
        if line.startswith("train …"):
            Timer(0.5, work.send_signal, (signal.SIGINT,)).start()
            break
    _, rest = work.communicate(timeout=300)
    assert "Stopped as asked; what was finished is saved." in "".join((*said, rest))
    assert list((partial_of(out) / ".work" / "checkpoints").glob("step-*"))
