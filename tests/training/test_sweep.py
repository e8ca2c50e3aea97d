"""Several SAEs on one stream: each is what it would be alone, all resume together, one that diverges ends alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from mistudio.activations.block import Part
from mistudio.artifacts.atomic import WORK, partial_of
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import open_artifact
from mistudio.errors import ArtifactExists, BadInput, Cancelled, ConfigConflict, Diverged
from mistudio.sae.config import BatchTopKConfig, JumpReLUTrainingConfig
from mistudio.sae.native_file import load_sae
from mistudio.training import together as together_module
from mistudio.training.config import TrainConfig
from mistudio.training.sweep import train_several
from mistudio.training.sweep_page import PAGE
from mistudio.training.sweep_result import Sweep, SweepMember, mark_best, read_sweep
from mistudio.training.train import train
from tests.training.conftest import PlantedSource
from tests.training.test_train import StopAfter, assert_same_training


@dataclass
class TwoHooks(PlantedSource):
    """Its activations are those of two hook points side by side."""

    hook: str = "resid_post.1+mlp_out.2"

    @property
    def parts(self) -> tuple[Part, ...]:
        return (Part("resid_post.1", 0, 20), Part("mlp_out.2", 20, 32))


@pytest.fixture
def configs(config: TrainConfig) -> list[TrainConfig]:
    """Other architectures, learning rates, lengths and seeds, on data of one order."""
    shared = {"tokens": 24 * 256, "data_seed": 0}
    return [
        config.model_copy(update=shared),
        config.model_copy(update=shared | {"sae": BatchTopKConfig(k=4, d_sae=48, aux_k=8)}),
        config.model_copy(update=shared | {"sae": JumpReLUTrainingConfig(k=3, d_sae=64), "seed": 3}),
        config.model_copy(update=shared | {"lr": 1e-3, "tokens": 15 * 256, "dead_after_tokens": 600}),
    ]


@pytest.fixture
def sweep(source: PlantedSource, configs: list[TrainConfig], tmp_path: Path) -> Path:
    train_several(source, configs, tmp_path / "whole")
    return tmp_path / "whole"


def members_of(folder: Path) -> list[Path]:
    return [folder / str(member.path) for member in read_sweep(folder).members]


def test_a_member_is_bit_identical_to_the_same_run_trained_alone(
    sweep: Path, source: PlantedSource, configs: list[TrainConfig], tmp_path: Path
) -> None:
    for number, (config, member) in enumerate(zip(configs, members_of(sweep), strict=True)):
        assert_same_training(member, train(source, config, tmp_path / f"alone{number}").path)


@pytest.mark.parametrize("stop_after", [3, 17])
def test_a_resumed_sweep_is_bit_identical_to_an_uninterrupted_one(
    sweep: Path, source: PlantedSource, configs: list[TrainConfig], tmp_path: Path, stop_after: int
) -> None:
    out = tmp_path / "resumed"
    with pytest.raises(Cancelled):
        train_several(source, configs, out, progress=StopAfter(stop_after))
    assert not out.exists()
    assert len(list(partial_of(out).glob(f"{WORK}/checkpoints/step-*"))) == 1
    train_several(source, configs, out)
    for whole, resumed in zip(members_of(sweep), members_of(out), strict=True):
        assert_same_training(whole, resumed)


def test_a_sweep_killed_between_two_checkpoints_ends_the_same(
    sweep: Path, source: PlantedSource, configs: list[TrainConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = together_module.Together._check_alive
    steps = iter(range(1000))

    def dies(self: together_module.Together) -> None:
        if next(steps) == 13:
            raise KeyboardInterrupt
        real(self)

    monkeypatch.setattr(together_module.Together, "_check_alive", dies)
    with pytest.raises(KeyboardInterrupt):
        train_several(source, configs, tmp_path / "killed")
    monkeypatch.undo()
    train_several(source, configs, tmp_path / "killed")
    for whole, resumed in zip(members_of(sweep), members_of(tmp_path / "killed"), strict=True):
        assert_same_training(whole, resumed)


def test_members_at_several_hook_points_get_their_own_columns(config: TrainConfig, tmp_path: Path) -> None:
    source = TwoHooks()
    config = config.model_copy(update={"tokens": 10 * 256})
    first, second = train_several(source, [config], tmp_path / "both")
    assert [load_sae(each.path).d_in for each in (first, second)] == [20, 12]
    assert [load_sae(each.path).hook for each in (first, second)] == ["resid_post.1", "mlp_out.2"]
    narrow = PlantedSource()
    narrow.acts_BD, narrow.d_in = narrow.acts_BD[:, :20].contiguous(), 20
    assert_same_training(first.path, train(narrow, config, tmp_path / "alone").path)


def test_one_that_diverges_ends_alone_and_says_so(
    source: PlantedSource, configs: list[TrainConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wild = configs[0].model_copy(update={"lr": 1e30, "gradient_clip": None})
    out = tmp_path / "sweep"
    with pytest.raises(Cancelled):  # It stays ended after a resume.
        train_several(source, [configs[0], wild], out, progress=StopAfter(18))
    (tame,) = train_several(source, [configs[0], wild], out)
    kept, ended = read_sweep(out).members
    assert "no longer finite" in str(ended.diverged)
    assert (ended.path, ended.l0, ended.best) == (None, None, False)
    assert kept.best
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == [kept.name]
    assert_same_training(tame.path, train(source, configs[0], tmp_path / "alone").path)
    with pytest.raises(Diverged):
        train_several(source, [wild], tmp_path / "all")
    assert not partial_of(tmp_path / "all").exists()


def test_the_comparison_stands_beside_the_members(sweep: Path, configs: list[TrainConfig]) -> None:
    result = read_sweep(sweep)
    assert len({member.name for member in result.members}) == 4
    assert result.members[1].name.startswith("batchtopk-")
    assert [member.architecture for member in result.members] == ["topk", "batchtopk", "jumprelu", "topk"]
    assert set(result.differing) >= {"architecture", "k", "d_sae", "lr", "tokens", "seed"}
    for config, path in zip(configs, members_of(sweep), strict=True):
        manifest = open_artifact(path, Kind.SAE, deep=True).manifest
        assert manifest.config == config.model_dump(mode="json")
    page = (sweep / PAGE).read_text()
    assert "<script" not in page
    assert all(member.name in page for member in result.members)
    assert json.loads(Sweep.model_validate(result).model_dump_json())["members"][0]["k"] == 3


def test_the_saes_may_lie_beside_the_sweep_and_are_never_overwritten(
    source: PlantedSource, config: TrainConfig, tmp_path: Path
) -> None:
    runs = [config.model_copy(update={"tokens": 4 * 256, "lr": lr}) for lr in (1e-3, 2e-3)]
    made = train_several(source, runs, tmp_path / "saes" / "grid", members_in=tmp_path / "saes")
    assert [each.path.name for each in made] == ["grid-lr0.001", "grid-lr0.002"]
    assert [path.resolve() for path in members_of(tmp_path / "saes" / "grid")] == [each.path for each in made]
    (tmp_path / "saes" / "grid").rename(tmp_path / "elsewhere")
    with pytest.raises(ArtifactExists, match="grid-lr0.001"):
        train_several(source, runs, tmp_path / "saes" / "grid", members_in=tmp_path / "saes")


def test_what_cannot_be_a_sweep_is_refused(source: PlantedSource, config: TrainConfig, tmp_path: Path) -> None:
    def refused(words: str, *runs: TrainConfig) -> None:
        with pytest.raises(BadInput, match=words):
            train_several(source, runs, tmp_path / "sweep")

    refused("no run is given")
    refused("same run", config, config)
    wide = config.sae.model_copy(update={"d_sae": None, "expansion": 2.0})
    refused("same run", config, config.model_copy(update={"sae": wide}))
    refused("batch_size is 256 here and 128 there", config, config.model_copy(update={"batch_size": 128}))
    refused("data_seed is 0 here and 1 there", config, config.model_copy(update={"seed": 1}))
    refused("65 latents", config, config.model_copy(update={"sae": config.sae.model_copy(update={"k": 65})}))
    assert not list(tmp_path.iterdir())


def test_another_sweep_does_not_continue_an_unfinished_one(
    source: PlantedSource, configs: list[TrainConfig], tmp_path: Path
) -> None:
    with pytest.raises(Cancelled):
        train_several(source, configs[:2], tmp_path / "sweep", progress=StopAfter(2))
    with pytest.raises(ConfigConflict, match="differs in"):
        train_several(source, configs[1:3], tmp_path / "sweep")


def test_the_best_are_those_that_no_other_beats_at_their_l0() -> None:
    def member(name: str, l0: float | None, fvu: float | None, hook: str = "a") -> SweepMember:
        return SweepMember(
            name=name, path=name, hook=hook, architecture="topk", k=1, d_sae=1, learning_rate=1, tokens=1, differs={},
            l0=l0, fvu=fvu,
        )  # fmt: skip

    members = [
        member("sparse", 16, 0.3), member("worse", 16.2, 0.31), member("dense", 32, 0.2),
        member("a bit less", 31, 0.21), member("wasteful", 64, 0.25), member("other hook", 64, 0.9, hook="b"),
        member("diverged", None, None),
    ]  # fmt: skip
    assert [each.name for each in mark_best(members) if each.best] == ["sparse", "dense", "other hook"]


def test_a_seed_of_the_data_orders_it_alike(source: PlantedSource, config: TrainConfig, tmp_path: Path) -> None:
    runs = [config.model_copy(update={"seed": seed, "data_seed": 0, "tokens": 4 * 256}) for seed in (0, 1)]
    first, second = (load_sae(each.path) for each in train_several(source, runs, tmp_path / "seeds"))
    assert not torch.equal(first.W_dec_FD, second.W_dec_FD)
