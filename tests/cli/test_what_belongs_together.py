"""SAE, features, model and recording: what does not belong together is refused or said, what does is used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import open_artifact
from tests.cli.conftest import TRAIN, Walked
from tests.cli.test_bad_input import assert_refused
from tests.tiny_models import save_tiny_checkpoint


@pytest.fixture(scope="module")
def other_sae(walked: Walked) -> Path:
    out = walked.root / "other-sae"
    walked.run.ok("train", "--activations", walked.activations, *TRAIN, "--tokens", 256, "--seed", 5, "--out", out)
    return out


def without_filter(sae: Path, out: Path, **metadata: object) -> Path:
    """The SAE as another program would have saved it: no manifest, and nothing said of what was left out."""
    shutil.copytree(sae, out)
    (out / "manifest.json").unlink()
    content = json.loads((out / "cfg.json").read_text())
    del content["metadata"]["token_filter"]
    content["metadata"] |= metadata
    (out / "cfg.json").write_text(json.dumps(content))
    return out


def steer(walked: Walked, sae: Path):
    return walked.run(
        "steer", "--model", "tiny", "--sae", sae, "--features", walked.features, "--feature", "3=1",
        "--max-new-tokens", 2, "a",
    )  # fmt: skip


def test_features_of_another_sae_are_refused_when_steering(walked: Walked, other_sae: Path):
    done = steer(walked, other_sae)

    assert_refused(done, 2, "another SAE", str(other_sae))
    assert "mistudio find" in done.error[1]


def test_features_of_another_hook_point_are_refused_when_steering(walked: Walked, tmp_path: Path):
    elsewhere = without_filter(walked.sae, tmp_path / "sae", mistudio_hook="resid_post.1")
    assert_refused(steer(walked, elsewhere), 2, "resid_post.1", "resid_post.2")


def test_features_name_the_sae_that_they_were_found_with(walked: Walked):
    sae = open_artifact(walked.sae, Kind.SAE).manifest.id
    assert sae in [each.id for each in open_artifact(walked.features, Kind.FEATURES).manifest.inputs]


def test_a_model_of_another_name_is_remarked_on_and_used(walked: Walked, tmp_path: Path):
    twin = save_tiny_checkpoint(tmp_path / "twin")
    corpus = ("--model", twin, "--corpus", "letters-tiny")
    done = [
        walked.run.ok("eval", walked.sae, *corpus, "--max-tokens", 64, "--splice-contexts", 0),
        walked.run.ok("find", walked.sae, *corpus, "--max-tokens", 64, "--out", tmp_path / "features"),
        walked.run.ok(
            "steer", "--model", twin, "--sae", walked.sae, "--features", walked.features, "--feature", "3=1", "a"
        ),
    ]

    assert all("trained on tiny, and the model here is" in each.err for each in done)
    assert "trained on" not in steer(walked, walked.sae).err


def test_find_leaves_out_what_the_sae_was_trained_without_on_any_split(walked: Walked, tmp_path: Path):
    stated = open_artifact(walked.sae, Kind.SAE).manifest.metrics["token_filter"]
    command = ("find", walked.sae, "--model", "tiny", "--corpus", "letters-tiny")
    done = walked.run.ok(*command, "--split", "held_out", "--out", tmp_path / "held-out")
    facts = open_artifact(tmp_path / "held-out", Kind.FEATURES).manifest

    assert facts.config["filter"] == stated
    assert (facts.config["source"]["split"], facts.config["source"]["filter"]) == ("held_out", stated)
    assert "measure norms" not in done.err
    assert 0 < facts.metrics["tokens"] < open_artifact(walked.features).manifest.metrics["tokens"]


def test_find_refuses_a_split_of_a_recording(walked: Walked):
    done = walked.run(
        "find", walked.sae, "--model", "tiny", "--corpus", "letters-tiny", "--activations", walked.activations,
        "--split", "all",
    )  # fmt: skip
    assert_refused(done, 2, "--split")


def test_an_sae_that_states_no_filter_is_evaluated_without_massive_activations(walked: Walked, tmp_path: Path):
    sae = without_filter(walked.sae, tmp_path / "foreign")
    told = walked.run.ok(
        "eval", sae, "--model", "tiny", "--corpus", "letters-tiny", "--splice-contexts", 0, "--json"
    ).json
    rule = told["excluded"]["rule"]

    assert rule["multiple"] == 10
    assert rule["max_norm"] == pytest.approx(10 * rule["median_norm"])
