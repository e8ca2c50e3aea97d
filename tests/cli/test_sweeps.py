"""Options with several values: all combinations in one call, compared, resumable."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.store import LocalStore
from mistudio.training.sweep_result import read_sweep
from tests.cli.conftest import TRAIN, Walked
from tests.cli.test_bad_input import assert_refused, nothing_at

BASE = ("--expansion", 2, "--batch-size", 128, "--buffer-tokens", 1024, "--aux-k", 8, "--tokens", 512)


def test_every_combination_is_trained_and_compared(walked: Walked, tmp_path: Path):
    options = ("--k", 4, "--k", 8, "--arch", "topk", "--arch", "batchtopk", "--threshold-decay", 0.5)
    command = ("train", "--activations", walked.activations, *BASE, *options, "--threshold-decay", 0.8)
    told = walked.run.ok(*command, "--out", tmp_path / "sweep", "--json").json

    names = {member["name"] for member in told["members"]}
    assert {"topk-k4", "topk-k8"} < names
    assert len(names) == 6  # topk has no threshold to vary
    members = {each["architecture"]: each for each in told["members"]}
    assert "threshold_decay" in members["batchtopk"]["differs"]
    assert "threshold_decay" not in members["topk"]["differs"]
    assert all((tmp_path / "sweep" / each["path"] / "manifest.json").is_file() for each in told["members"])
    assert any(each["best"] for each in told["members"])


def test_hook_points_and_seeds_share_one_pass_and_the_store_knows_the_saes_by_name(walked: Walked):
    command = (
        "train", "--model", "tiny", "--corpus", "letters-tiny", "--layer", 1, "--layer", 2, "--hook", "resid_post",
        "--hook", "mlp_out", "--seed", 1, "--seed", 2, "--k", 4, *BASE,
    )  # fmt: skip
    done = walked.run.ok(*command)
    assert "8 SAEs on one pass over the data: about" in done.err
    assert "buffer" in done.err
    assert "best" in done.out

    (folder,) = (path.parent for path in walked.run.home.glob("saes/*/sweep.json"))
    sweep = read_sweep(folder)
    assert {member.hook for member in sweep.members} == {"resid_post.1", "resid_post.2", "mlp_out.1", "mlp_out.2"}
    stored = {each.path.name: each.manifest for each in LocalStore(walked.run.home).list(Kind.SAE)}
    for member in sweep.members:
        manifest = stored[f"{folder.name}-{member.name}"]
        assert manifest.config["data_seed"] == (1 if manifest.config["seed"] == 2 else None)
        walked.run.ok("eval", f"{folder.name}-{member.name}", "--model", "tiny", "--corpus", "letters-tiny", "--json")
        break
    assert walked.run(*command).code == 2  # It is there already.


def test_an_interrupted_sweep_goes_on_and_is_measured_on_held_out_text(walked: Walked, tmp_path: Path):
    command = (
        "train", "--activations", walked.activations, *TRAIN, "--lr", 1e-3, "--lr", 3e-3, "--tokens", 4000,
        "--evaluate", "--model", "tiny", "--corpus", "letters-tiny", "--out", tmp_path / "sweep",
    )  # fmt: skip
    assert_refused(walked.run(*command, "--resume"), 2, "nothing to resume")
    assert walked.run(*command, at="train", send=(signal.SIGINT,)).code == 130
    done = walked.run.ok(*command, "--resume", "--json")
    for member in done.json["members"]:
        assert member["held_out"]["tokens"] > 0
        assert member["held_out"]["loss_recovered_zero"] is not None
    page = (tmp_path / "sweep" / "sweep.html").read_text()
    assert "Loss recovered against L0" in page
    assert json.loads((tmp_path / "sweep" / "sweep.json").read_text())["members"] == done.json["members"]


def test_a_single_sae_can_be_measured_at_once_too(walked: Walked, tmp_path: Path):
    done = walked.run.ok(
        "train", "--model", "tiny", "--corpus", "letters-tiny", "--layer", 2, *BASE, "--k", 4, "--evaluate",
        "--out", tmp_path / "sae",
    )  # fmt: skip
    assert "FVU on held-out text" in done.out


def test_a_member_that_diverges_is_told_and_the_others_are_there(walked: Walked, tmp_path: Path):
    done = walked.run(
        "train", "--activations", walked.activations, *TRAIN, "--tokens", 4000, "--lr", 1e-3, "--lr", 1e30,
        "--gradient-clip", "none", "--out", tmp_path / "sweep",
    )  # fmt: skip
    assert (done.code, done.error[0]) == (1, "1 of 2 SAEs diverged; the others are finished.")
    assert "diverged" in done.out
    assert [path.name for path in (tmp_path / "sweep").iterdir() if path.is_dir()] == ["lr0.001"]


def test_what_cannot_be_a_sweep_is_refused(walked: Walked, tmp_path: Path):
    out = tmp_path / "sweep"
    command = ("train", "--activations", walked.activations, *TRAIN, "--out", out)
    assert_refused(walked.run(*command, "--batch-size", 64, "--batch-size", 128), 2, "batch_size")
    assert_refused(walked.run(*command, "--d-sae", 64, "--expansion", 2, "--expansion", 4), 2, "same run")
    assert_refused(walked.run(*command, "--k", 4, "--k", 8, "--bandwidth", 0.3), 2, "--bandwidth")
    assert_refused(walked.run(*command, "--evaluate"), 2, "--evaluate")
    assert nothing_at(out)
