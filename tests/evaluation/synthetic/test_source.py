import itertools

import pytest
import torch

from mistudio.activations.stream import ActivationSource
from mistudio.errors import Paused
from mistudio.evaluation.synthetic.recovery import recovery
from mistudio.evaluation.synthetic.source import SyntheticSource
from mistudio.progress import StopSwitch
from mistudio.sae.config import BatchTopKConfig
from mistudio.sae.native_file import load_sae
from mistudio.training.config import TrainConfig
from mistudio.training.train import train
from tests.evaluation.synthetic.conftest import truth_of


def test_it_is_a_source_of_activations():
    source = SyntheticSource(truth_of(batch_tokens=64), 1000)
    assert isinstance(source, ActivationSource)
    assert source.n_tokens == 1024
    assert sum(len(block) for block in source.blocks(0)) == 1024
    assert source.sample(100).shape == (100, 24)
    assert source.sample(10**6).shape == (1024, 24)


def test_an_epoch_can_be_entered_anywhere_and_repeats_nothing():
    source = SyntheticSource(truth_of(batch_tokens=64), 256)
    first, second = list(source.blocks(0)), list(source.blocks(1))
    assert [len(first), len(second)] == [4, 4]
    for block, again in zip(first[2:], source.blocks(0, start=2), strict=True):
        assert torch.equal(block.acts_BD, again.acts_BD)
        assert torch.equal(block.positions_B, again.positions_B)
    assert not list(source.blocks(0, start=4))
    for one, other in itertools.combinations(first + second, 2):
        assert not torch.equal(one.acts_BD, other.acts_BD)
    positions = torch.cat([block.positions_B for block in first + second])
    assert torch.equal(positions, torch.arange(512))


def test_sources_are_the_same_where_their_identity_is():
    base = SyntheticSource(truth_of(), 4096).identity
    assert base == SyntheticSource(truth_of(), 4096).identity
    assert base != SyntheticSource(truth_of(seed=1), 4096).identity
    assert base != SyntheticSource(truth_of(), 8192).identity


class _StopAfter(StopSwitch):
    """Asks to pause at the n-th question."""

    def __init__(self, questions):
        super().__init__()
        self.left = questions

    def checkpoint(self):
        self.left -= 1
        if self.left == 0:
            self.pause()
        super().checkpoint()


EASY = {"batch_tokens": 1024, "p_max": 0.1, "p_min": 0.1}
CONFIG = TrainConfig(
    sae=BatchTopKConfig(d_sae=12, k=1), tokens=40_960, batch_size=256, buffer_tokens=4096, lr=1e-2, checkpoint_every=40
)


def test_an_sae_trained_on_it_finds_the_features_and_a_paused_training_finds_the_same(tmp_path):
    # Two epochs, paused in the second.
    train(SyntheticSource(truth_of(**EASY), 24_576), CONFIG, tmp_path / "whole", device="cpu")
    progress = _StopAfter(150)
    with pytest.raises(Paused):
        train(SyntheticSource(truth_of(**EASY), 24_576), CONFIG, tmp_path / "paused", device="cpu", progress=progress)
    train(SyntheticSource(truth_of(**EASY), 24_576), CONFIG, tmp_path / "paused", device="cpu")
    whole, paused = load_sae(tmp_path / "whole"), load_sae(tmp_path / "paused")
    assert torch.equal(whole.W_dec_FD, paused.W_dec_FD)
    found = recovery(whole, truth_of(**EASY), tokens=4096)
    assert found.mcc > 0.8
    assert found.f1 > 0.7
