"""An SAE goes to the Hub and comes back the same, with a card that says how it is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mistudio.errors import NotFound
from mistudio.sae.hub import card, sae_from_hub
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from tests.sae.conftest import random_sae
from tests.sae.hub_stand_in import COMMIT, serve


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with serve(tmp_path / "hub") as url:
        yield url


@pytest.mark.parametrize("architecture", ["topk", "jumprelu"])
def test_an_sae_comes_back_from_the_hub_as_it_went(tmp_path: Path, endpoint: str, architecture: str) -> None:
    sae = random_sae(architecture)
    address = sae.push_to_hub("me/my-sae", token="hf_stand_in", endpoint=endpoint)
    assert address.endswith(COMMIT)
    names = {path.name for path in (tmp_path / "hub" / "me" / "my-sae").iterdir()}
    assert names == {"README.md", "cfg.json", "sae_weights.safetensors"}
    back = SparseAutoencoder.from_hub("me/my-sae", token="hf_stand_in", endpoint=endpoint)
    x_BD = torch.randn(5, sae.d_in)
    assert torch.equal(back.encode(x_BD), sae.encode(x_BD))
    assert (back.hook, back.model_name) == (sae.hook, sae.model_name)


def test_a_repository_that_is_not_there_is_one_sentence(endpoint: str) -> None:
    with pytest.raises(NotFound, match="me/nothing cannot be reached on the Hub"):
        sae_from_hub("me/nothing", token="hf_stand_in", endpoint=endpoint)


def test_the_card_says_what_it_is_of_and_how_it_is_loaded() -> None:
    text = card(random_sae("topk"), "me/my-sae")
    assert text.startswith("---\nlibrary_name: mistudio")
    for said in ('mistudio.sae_from_hub("me/my-sae")', "SAE.load_from_disk", "`resid_post.3`", "200 latents"):
        assert said in text


def test_an_sae_saves_and_loads_itself(tmp_path: Path) -> None:
    sae, x_BD = random_sae("gated"), torch.randn(3, 24)
    sae.save(tmp_path / "new" / "sae")
    assert torch.equal(SparseAutoencoder.load(tmp_path / "new" / "sae")(x_BD), sae(x_BD))


def test_a_notebook_shows_what_an_sae_is_of() -> None:
    sae = random_sae("topk")
    sae.model_name = "<tiny>"
    shown = sae._repr_html_()
    assert "resid_post.3 of &lt;tiny&gt;" in shown
    assert "200 (8.33333 × 24 dimensions)" in shown
    assert ">7<" in shown
