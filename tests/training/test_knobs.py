"""Schedules, revival, precision and accumulation: what each does to a run, and that a resumed run is the same."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from mistudio.errors import Cancelled
from mistudio.sae.initial import initial_weights
from mistudio.sae.kernels.protocol import AdamMoments
from mistudio.sae.live_code import LiveCode
from mistudio.sae.registry import TRAININGS
from mistudio.training.config import TrainConfig
from mistudio.training.dead_latents import FiringRecord
from mistudio.training.definitions import LINE_METRICS
from mistudio.training.resampling import STRENGTH, resample
from mistudio.training.run import Report, TrainingRun
from mistudio.training.schedules import k_at, lr_factor, risen
from mistudio.training.starting_point import starting_point
from mistudio.training.train import train
from tests.training.conftest import PlantedSource
from tests.training.test_train import StopAfter, assert_same_training, lines_of


def config_of(architecture: str = "topk", sae: dict[str, Any] | None = None, **options: Any) -> TrainConfig:
    usual = {"architecture": architecture, "k": 3, "d_sae": 96, "aux_k": 16}
    given = {"tokens": 20 * 256, "batch_size": 256, "buffer_tokens": 2048, "lr": 3e-3, "warmup_steps": 5}
    return TrainConfig.model_validate({"sae": usual | (sae or {}), **given, "log_every": 1, **options})


def run_of(config: TrainConfig, acts_BD: Tensor) -> TrainingRun:
    return TrainingRun(config, starting_point(acts_BD, "mean", config.normalisation), torch.device("cpu"))


def test_every_number_of_a_line_is_defined() -> None:
    assert set(LINE_METRICS) == set(Report._fields) - {"step", "tokens"}


def test_the_rate_falls_along_the_shape_that_was_chosen() -> None:
    line, cosine, flat = (
        [lr_factor(step, 100, 10, 0.5, shape) for step in range(100)] for shape in ("linear", "cosine", "constant")
    )
    assert line[:51] == cosine[:51] == flat[:51]
    assert set(flat[10:]) == {1.0}
    assert cosine[75] == pytest.approx(line[75]) == pytest.approx(0.5)
    assert cosine[60] > line[60]
    assert cosine[90] < line[90]
    assert all(later <= earlier for earlier, later in itertools.pairwise(cosine[10:]))


def test_k_falls_to_where_it_stays_and_a_coefficient_rises() -> None:
    assert [k_at(step, 100, 10, 50, 0.4) for step in (0, 10, 20, 39, 40, 99)] == [50, 40, 30, 11, 10, 10]
    assert k_at(0, 100, 10, None, 0.4) == 10
    assert [risen(step, 100, 0.1) for step in (0, 4, 9, 50)] == pytest.approx([0.1, 0.5, 1.0, 1.0])
    assert risen(0, 100, 0.0) == 1.0


def test_a_k_that_would_rise_is_refused() -> None:
    with pytest.raises(ValidationError, match="k_start is at least k"):
        config_of(k_start=2)


@pytest.mark.parametrize("architecture", ["topk", "batchtopk"])
def test_the_l0_follows_the_schedule_of_k(architecture: str, source: PlantedSource, tmp_path: Path) -> None:
    config = config_of(architecture, k_start=12, k_share=0.5)
    lines = lines_of(train(source, config, tmp_path / "sae").path)
    assert [round(lines[step]["l0"]) for step in (0, 4, 10, 19)] == [12, 8, 3, 3]


def test_a_given_coefficient_rises_and_is_logged(source: PlantedSource, tmp_path: Path) -> None:
    config = config_of("standard", {"coefficient": 0.4}, coefficient_share=0.5)
    lines = lines_of(train(source, config, tmp_path / "sae").path)
    assert [lines[step]["coefficient"] for step in (0, 4, 9, 19)] == pytest.approx([0.04, 0.2, 0.4, 0.4])
    assert lines[19]["penalty"] > 0


RESUMED = {
    "schedules": config_of(k_start=12, k_share=0.5, lr_schedule="cosine", decay_share=0.7, checkpoint_every=4),
    "coefficient": config_of("jumprelu", {"coefficient": 0.3}, coefficient_share=0.7, checkpoint_every=4),
    "resampling": config_of(revive="resample", dead_after_tokens=600, log_every=3, checkpoint_every=4),
    "pull": config_of("jumprelu", {"pre_coefficient": 0.1}, dead_after_tokens=600, checkpoint_every=4),
    "parts": config_of("gated", accumulate=3, precision="float32", dead_after_tokens=600, checkpoint_every=4),
}


@pytest.mark.parametrize("case", RESUMED)
def test_a_resumed_run_is_bit_identical(case: str, source: PlantedSource, tmp_path: Path) -> None:
    train(source, RESUMED[case], tmp_path / "whole")
    with pytest.raises(Cancelled):
        train(source, RESUMED[case], tmp_path / "resumed", progress=StopAfter(10))
    train(source, RESUMED[case], tmp_path / "resumed")
    assert_same_training(tmp_path / "whole", tmp_path / "resumed")


# ── dead latents ─────────────────────────────────────────────────────────────────────────────────


def test_a_latent_is_revived_when_it_fires_after_it_was_dead() -> None:
    record = FiringRecord(3, dead_after=4, device=torch.device("cpu"))
    both, first = (LiveCode(torch.ones(n), torch.arange(n), torch.tensor([0, n])) for n in (2, 1))
    for code in (both, first, first, first, first, both, both):
        record.count(code)
    assert record.take_revived() == 1
    assert record.take_revived() == 0


@pytest.mark.parametrize("architecture", TRAININGS)
def test_resampled_latents_point_at_badly_reconstructed_tokens_and_start_weak(architecture: str) -> None:
    training, generator = TRAININGS[architecture], torch.Generator().manual_seed(0)
    weights = initial_weights(20, torch.randn(8, generator=generator), seed=0, more=training.tensors)
    weights.W_enc_FD *= 3
    weights.b_enc_F.fill_(-2.0)
    for vector_F in weights.more.values():
        vector_F.fill_(0.7)
    moments = AdamMoments(weights.map(torch.ones_like), weights.map(torch.ones_like), 7)
    dead_F = torch.arange(20) % 4 == 0
    x_BD, error_BD = torch.randn((2, 50, 8), generator=generator)
    error_BD *= 1e-3
    error_BD[:5] = 10.0
    before = weights.map(torch.clone)
    assert resample(weights, moments, dead_F, x_BD, error_BD, generator=torch.Generator().manual_seed(1)) == 5
    inputs_BD = torch.nn.functional.normalize(x_BD[:5] - weights.b_dec_D)
    torch.testing.assert_close((weights.W_dec_FD[dead_F] @ inputs_BD.T).max(dim=1).values, torch.ones(5))
    torch.testing.assert_close(weights.W_enc_FD[dead_F], weights.W_dec_FD[dead_F] * 3 * STRENGTH)
    assert weights.b_enc_F[dead_F].tolist() == [0.0] * 5
    if "log_threshold_F" in weights.more:
        wanted_A = torch.full((5,), STRENGTH).log() + 0.7
        torch.testing.assert_close(weights.more["log_threshold_F"][dead_F], wanted_A)
    for name, tensor in weights.tensors().items():
        if name != "b_dec_D":
            assert torch.equal(tensor[~dead_F], before.tensors()[name][~dead_F])
            for moment in (moments.first, moments.second):
                assert float(moment.tensors()[name][dead_F].abs().sum()) == 0
                assert bool((moment.tensors()[name][~dead_F] == 1).all())


def test_nothing_is_resampled_where_nothing_is_left_over() -> None:
    weights = initial_weights(20, torch.zeros(8), seed=0)
    moments = AdamMoments(weights.zeros_like(), weights.zeros_like())
    dead_F, x_BD = torch.arange(20) < 3, torch.ones((4, 8))
    assert resample(weights, moments, dead_F, x_BD, torch.zeros_like(x_BD), generator=torch.Generator()) == 0


@pytest.mark.parametrize("architecture", TRAININGS)
def test_resampling_brings_dead_latents_back_in_every_architecture(architecture: str, source: PlantedSource) -> None:
    # A weak latent is chosen only where more latents are than the data have directions.
    config = config_of(
        architecture, {"k": 12}, tokens=60 * 256, dead_after_tokens=1024, revive="resample", decay_share=0.0
    )
    run = run_of(config, source.acts_BD)
    revived = 0
    for batch_BD in itertools.islice(itertools.cycle(source.acts_BD.split(256)), 60):
        if run.steps_done == 8:  # Kill some for good, but for what revives them.
            run.weights.W_enc_FD[:20] = 0
            run.weights.b_enc_F[:20] = -100.0
            run.firing.silent_F[:20] = 10_000
        report = run.step(batch_BD, report=True)
        assert report is not None
        revived += report.revived
    assert revived >= 20
    assert int(run.firing.dead_F()[:20].sum()) <= 5


def test_the_pull_brings_latents_back_that_their_thresholds_keep_silent(source: PlantedSource) -> None:
    def silent_after(pre_coefficient: float) -> int:
        sae = {"aux_k": 0, "pre_coefficient": pre_coefficient}
        run = run_of(config_of("jumprelu", sae, tokens=60 * 256, dead_after_tokens=512, lr=1e-2), source.acts_BD)
        for batch_BD in itertools.islice(itertools.cycle(source.acts_BD.split(256)), 50):
            run.step(batch_BD, report=False)
            if run.steps_done == 8:
                run.weights.more["log_threshold_F"][:20] += 2.0
                for moments in (run.moments.first, run.moments.second):
                    moments.more["log_threshold_F"].zero_()
        return int(run.firing.dead_F()[:20].sum())

    assert silent_after(0.0) >= 15
    assert silent_after(0.1) <= 3


def test_with_none_dead_latents_are_left_alone(source: PlantedSource, tmp_path: Path) -> None:
    config = config_of(revive="none", dead_after_tokens=300)
    lines = lines_of(train(source, config, tmp_path / "sae").path)
    assert max(line["dead_share"] for line in lines) > 0
    assert all(line["auxiliary_loss"] == 0 for line in lines)


# ── parts of a batch, and precision ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("architecture", ["topk", "standard", "gated"])
def test_a_batch_in_parts_gives_what_the_whole_batch_gives(architecture: str, source: PlantedSource) -> None:
    sae = {"coefficient": 0.2} if architecture != "topk" else {}
    runs = [
        run_of(
            config_of(architecture, sae, accumulate=parts, precision="float32", dead_after_tokens=600), source.acts_BD
        )
        for parts in (1, 3)
    ]
    batches = source.acts_BD.split(256)
    runs[0].step(batches[0], report=False)  # What a penalty starts from is seen in the first part.
    tensors, facts = runs[0].state()
    runs[1].restore(tensors, facts | {"step": 1})
    for batch_BD in batches[1:8]:
        whole, parts = (run.step(batch_BD, report=True) for run in runs)
    assert whole is not None
    assert parts is not None
    assert parts._asdict() == pytest.approx(whole._asdict(), rel=1e-3)
    for name, tensor in runs[0].weights.tensors().items():
        torch.testing.assert_close(runs[1].weights.tensors()[name], tensor, rtol=1e-2, atol=2e-3, msg=name)


@pytest.mark.parametrize("architecture", ["batchtopk", "jumprelu"])
def test_what_is_averaged_over_steps_moves_as_far_in_parts(architecture: str, source: PlantedSource) -> None:
    kept = []
    for parts in (1, 4):
        sae = {"penalty": "step"} if architecture == "jumprelu" else {}
        run = run_of(config_of(architecture, sae, accumulate=parts), source.acts_BD)
        for batch_BD in source.acts_BD.split(256)[:12]:
            run.step(batch_BD, report=False)
        kept.append({name: float(tensor) for name, tensor in run.state()[0].items() if name.startswith("kept.")})
    for name, number in kept[0].items():
        assert kept[1][name] == pytest.approx(number, rel=0.15), name


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_encoders_product_has_the_precision_that_was_asked_for(precision: str, source: PlantedSource) -> None:
    run, exact = (run_of(config_of(precision=each), source.acts_BD) for each in (precision, "float32"))
    batch_BD = source.acts_BD[:256]
    found, wanted = run.step(batch_BD, report=True), exact.step(batch_BD, report=True)
    assert found is not None
    assert wanted is not None
    assert found.loss == pytest.approx(wanted.loss, rel=0.02)
    assert (found == wanted) is (precision == "float32")
