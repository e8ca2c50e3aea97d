"""The examples run as they stand."""

from __future__ import annotations

import runpy
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import write_letters
from tests.sae.conftest import random_sae
from tests.tiny_models import save_tiny_checkpoint

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv-peers"


def test_an_sae_is_trained_evaluated_and_steered_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, text = save_tiny_checkpoint(tmp_path / "tiny"), write_letters(tmp_path / "letters")
    run = runpy.run_path(str(ROOT / "examples" / "train.py"))["main"]
    sizes = {"context_length": 32, "k": 4, "tokens": 4096, "batch_size": 128, "held_out": 512}
    sae = run(str(model), str(text), str(tmp_path / "out"), **sizes)
    said = capsys.readouterr().out
    assert "FVU 0." in said
    assert "By itself: " in said
    assert (tmp_path / "out" / "sae" / "manifest.json").is_file()
    assert "SparseAutoencoder" in sae._repr_html_()


@pytest.mark.slow
@pytest.mark.skipif(
    not list(PEERS.glob("lib/python*/site-packages/sae_lens")), reason="SAELens is not in .venv-peers: run `make peers`"
)
def test_saelens_opens_what_was_saved(tmp_path: Path) -> None:
    random_sae("topk").save(tmp_path / "sae")
    command = [PEERS / "bin" / "python", ROOT / "examples" / "in_saelens.py", tmp_path / "sae"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1000:]
    assert "200 latents, 7 of them active" in done.stdout
