"""What a sweep's members are called, and how they are drawn."""

from __future__ import annotations

import pytest

from mistudio.sae.config import BatchTopKConfig, TopKConfig
from mistudio.training.config import TrainConfig
from mistudio.training.plot import Point, scatter
from mistudio.training.sweep_page import render_page
from mistudio.training.sweep_result import Sweep, SweepMember
from mistudio.training.variation import in_one_order, plan


def names(*configs: TrainConfig, hooks: tuple[str, ...] = ("resid_post.1",)) -> list[str]:
    return [one.name for one in plan(configs, dict.fromkeys(hooks, 64))]


def test_members_are_called_after_what_they_differ_in() -> None:
    assert names(TrainConfig(lr=1e-3), TrainConfig(lr=0.003)) == ["lr0.001", "lr0.003"]
    assert names(TrainConfig(lr=None), TrainConfig(lr=0.003)) == ["lrauto", "lr0.003"]
    assert names(TrainConfig(warmup_steps=1), TrainConfig(warmup_steps=2)) == ["warmup-steps1", "warmup-steps2"]
    grid = [TrainConfig(sae=kind(k=k)) for kind in (TopKConfig, BatchTopKConfig) for k in (8, 16)]
    assert names(*grid) == ["topk-k8", "topk-k16", "batchtopk-k8", "batchtopk-k16"]
    assert names(TrainConfig(), hooks=("resid_post.1", "mlp_out.2")) == ["resid_post.1", "mlp_out.2"]
    assert names(TrainConfig()) == ["topk-k32-x8"]


def test_runs_of_several_seeds_are_put_in_one_order() -> None:
    first, second = in_one_order([TrainConfig(seed=4), TrainConfig(seed=5)])
    assert (first.data_seed, second.data_seed) == (None, 4)
    assert first.order_seed == second.order_seed == 4


def point(name: str, x: float, y: float, *, best: bool = False) -> Point:
    return Point(x, y, name, 0, best)


def test_a_plot_joins_the_best_points_and_names_them_all() -> None:
    svg = scatter([point("a<b", 16, 0.3, best=True), point("c", 32, 0.2, best=True), point("d", 128, 0.4)], "L0", "FVU")
    assert "a&lt;b" in svg
    assert svg.count("<circle") == 3
    assert svg.count("polyline") == 1
    assert "L0, logarithmic" in svg
    assert ">64<" in svg


@pytest.mark.parametrize("values", [[(16.0, 0.3)], [(0.0, 0.0)], [(5.0, 0.1), (5.0, 0.1)], [(0.0, 1.0), (90.0, 1.0)]])
def test_a_plot_of_few_or_equal_points_is_drawn_too(values: list[tuple[float, float]]) -> None:
    svg = scatter([point(str(n), x, y) for n, (x, y) in enumerate(values)], "L0", "FVU")
    assert "nan" not in svg
    assert "logarithmic" not in svg


def test_a_page_without_any_finished_member_says_why() -> None:
    member = SweepMember(
        name="wild", path=None, hook="resid_post.1", architecture="topk", k=1, d_sae=2, learning_rate=1.0, tokens=0,
        differs={"lr": 1e30}, diverged="The gradient is no longer <finite>.",
    )  # fmt: skip
    sweep = Sweep(mistudio_version="0", created_at="", model="m", inputs=(), seconds=1, members=(member,))
    page = render_page(sweep)
    assert "The gradient is no longer &lt;finite&gt;." in page
    assert "<svg" not in page
    assert sweep.diverged == (member,)
