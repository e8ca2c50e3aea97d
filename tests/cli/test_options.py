"""Options that have more than one way to be given: none, a file, a hook point with its layer."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from docs.command_line import commands
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import open_artifact
from tests.cli.conftest import TRAIN, Walked
from tests.cli.test_bad_input import assert_refused, nothing_at

SHORT = (*TRAIN, "--tokens", 256)


def trained(walked: Walked, out: Path, *options: object) -> dict[str, object]:
    walked.run.ok("train", "--activations", walked.activations, *options, "--out", out)
    return open_artifact(out, Kind.SAE).manifest.config


def test_the_word_none_switches_a_rule_off(walked: Walked, tmp_path: Path):
    told = walked.run.ok(
        "trace", "--model", "tiny", "--corpus", "letters-tiny", "--layer", 0, "--tokens", 64,
        "--outlier-multiple", "none", "--out", tmp_path / "acts", "--json",
    ).json  # fmt: skip

    assert told["hooks"]["resid_post.0"]["filter"]["max_norm"] is None
    assert (
        trained(walked, tmp_path / "sae", *TRAIN, "--tokens", 256, "--gradient-clip", "none")["gradient_clip"] is None
    )


@pytest.mark.parametrize(("value", "words"), [("much", "nor none"), ("0.5", "--outlier-multiple")])
def test_what_is_neither_a_number_nor_none_is_refused(walked: Walked, value: str, words: str):
    done = walked.run("trace", "--model", "tiny", "--corpus", "letters-tiny", "--layer", 0, "--outlier-multiple", value)
    assert done.code == 2
    assert words in " ".join(done.err.split())
    assert "Traceback" not in done.err


def test_help_says_which_options_may_be_none():
    options = {each.name: each.help for command in commands() for each in command.options}

    assert "Write none for null." in options["--outlier-multiple <float|none>"]
    assert "Write none for null." in options["--gradient-clip <float|none>"]


def test_a_configuration_file_is_read_and_options_stand_above_it(walked: Walked, tmp_path: Path):
    file = tmp_path / "run.json"
    content = {"sae": {"k": 3, "d_sae": 40}, "tokens": 256, "batch_size": 64, "buffer_tokens": 512, "seed": 9}
    file.write_text(json.dumps(content))
    config = trained(walked, tmp_path / "sae", "--config", file, "--k", 5, "--seed", 0)

    assert (config["sae"]["k"], config["sae"]["d_sae"], config["seed"]) == (5, 40, 0)
    assert (config["tokens"], config["batch_size"], config["buffer_tokens"]) == (256, 64, 512)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[1]", "does not hold a JSON object"),
        ('{"tokenz": 5}', "tokenz"),
        ('{"sae": {"kk": 5}}', "sae.kk"),
        ('{"tokens": -5}', "tokens"),
    ],
)
def test_a_configuration_file_that_makes_no_sense_is_refused(walked: Walked, tmp_path: Path, text: str, words: str):
    (tmp_path / "run.json").write_text(text)
    done = walked.run("train", "--activations", walked.activations, "--config", tmp_path / "run.json")
    assert_refused(done, 2, "run.json", words)


def test_a_configuration_file_that_is_not_there_is_refused(walked: Walked, tmp_path: Path):
    done = walked.run("train", "--activations", walked.activations, "--config", tmp_path / "none.json")
    assert_refused(done, 2, "none.json")


def test_resume_is_refused_where_there_is_nothing_to_resume(walked: Walked, tmp_path: Path):
    command = ("train", "--activations", walked.activations, *TRAIN, "--tokens", 4000, "--out", tmp_path / "sae")
    done = walked.run(*command, "--resume")
    assert_refused(done, 2, "nothing to resume")
    assert nothing_at(tmp_path / "sae")

    assert walked.run(*command, at="train", send=(signal.SIGINT,)).code == 130
    walked.run.ok(*command, "--resume")


def test_a_hook_point_may_name_its_layer_and_must_name_one(walked: Walked, tmp_path: Path):
    command = ("train", "--activations", walked.activations, *TRAIN, "--tokens", 256)
    walked.run.ok(*command, "--hook", "resid_post.2", "--out", tmp_path / "sae")

    assert_refused(walked.run(*command, "--hook", "resid_post"), 2, "which layer")
    assert_refused(walked.run(*command, "--hook", "resid_post.2", "--layer", 1), 2, "two layers")
    assert_refused(walked.run(*command, "--hook", "mlp_out.1"), 2, "mlp_out.1")


def test_the_seed_orders_the_data(walked: Walked, tmp_path: Path):
    recorded, live = (
        ("--activations", walked.activations),
        ("--model", "tiny", "--corpus", "letters-tiny", "--layer", 2),
    )
    for number, source in enumerate((recorded, live)):
        done = walked.run(
            "train", *source, *TRAIN, "--tokens", 4000, "--seed", 7, "--out", tmp_path / f"sae{number}",
            at="train", send=(signal.SIGINT,),
        )  # fmt: skip
        (claim,) = tmp_path.glob(f".sae{number}.partial/**/run.json")
        assert done.code == 130
        assert json.loads(claim.read_text())["source"]["seed"] == 7
    assert "measure norms" in done.err


def test_a_seed_below_zero_is_refused(walked: Walked):
    assert_refused(walked.run("train", "--activations", walked.activations, "--seed", -1), 2, "--seed")


def test_an_architecture_is_trained_with_its_own_options_and_refuses_those_of_others(walked: Walked, tmp_path: Path):
    config = trained(walked, tmp_path / "sae", *SHORT, "--arch", "batchtopk", "--threshold-decay", 0.8)
    assert config["sae"]["architecture"] == "batchtopk"
    assert config["sae"]["threshold_decay"] == 0.8

    (tmp_path / "run.json").write_text(json.dumps({"sae": {"architecture": "batchtopk", "threshold_decay": 0.5}}))
    config = trained(walked, tmp_path / "filed", *SHORT, "--config", tmp_path / "run.json")
    assert config["sae"]["threshold_decay"] == 0.5

    done = walked.run("train", "--activations", walked.activations, *TRAIN, "--threshold-decay", 0.9)
    assert_refused(done, 2, "--threshold-decay is an option of batchtopk, matryoshka, not of topk")
