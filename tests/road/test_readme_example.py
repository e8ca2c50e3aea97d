"""The example in the README runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from mistudio.sae.config import TopKConfig
from mistudio.sae.native_file import save_sae
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights
from tests.tiny_models import save_tiny_checkpoint

README = Path(__file__).resolve().parents[2] / "README.md"
D_MODEL = 32


@pytest.fixture
def example() -> str:
    snippets = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(snippets) == 1
    return snippets[0]


@pytest.fixture
def folder_with_a_model_and_its_sae(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_tiny_checkpoint(tmp_path / "my-model")
    rows_FD = torch.nn.functional.normalize(torch.randn((64, D_MODEL), generator=torch.Generator().manual_seed(0)))
    weights = Weights(rows_FD, torch.zeros(64), rows_FD.clone(), torch.zeros(D_MODEL))
    (tmp_path / "my-sae").mkdir()
    save_sae(SparseAutoencoder(TopKConfig(k=8), weights, hook="resid_post.1", model_name="tiny"), tmp_path / "my-sae")


def test_the_readmes_example_is_five_lines(example: str) -> None:
    assert len([line for line in example.splitlines() if line]) == 5


@pytest.mark.usefixtures("folder_with_a_model_and_its_sae")
def test_the_readmes_example_prints_what_the_model_writes_with_and_without_steering(
    example: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(example, "README.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) >= 2
