"""Every verb on the road, with the options that its configuration gives it."""

from __future__ import annotations

import shlex

import pytest

from mistudio.activations.parquet import Recorded
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import open_artifact
from tests.cli.conftest import TRAIN, Walked


def test_a_model_is_listed_and_described(walked: Walked):
    listed = walked.run.ok("model", "list", "--json").json
    shown = walked.run.ok("model", "show", "tiny", "--json").json

    assert [model["name"] for model in listed] == ["tiny"]
    assert (shown["n_layers"], shown["d_model"], shown["vocab_size"]) == (4, 32, 320)
    assert "resid_post" in shown["hook_points"]
    assert "tiny" in walked.run.ok("model", "list").out
    assert "51,488" in walked.run.ok("model", "show", "tiny").out


def test_a_corpus_is_described_and_sampled(walked: Walked):
    stats = walked.run.ok("corpus", "stats", "letters-tiny", "--json").json
    sample = walked.run.ok("corpus", "sample", "letters-tiny", "--n", 2, "--json").json
    again = walked.run.ok("corpus", "sample", "letters-tiny", "--n", 2, "--seed", 1, "--json").json

    assert stats["documents"] == 24
    assert stats["documents_held_out"] > 0
    assert [len(each["ids"]) for each in sample] == [32, 32]
    assert sample != again
    assert "Most frequent tokens" in walked.run.ok("corpus", "stats", "letters-tiny").out
    assert "<|bos|>" in walked.run.ok("corpus", "sample", "letters-tiny").out


def test_the_options_of_a_corpus_have_effect(walked: Walked):
    letters = walked.root / "letters"
    few = walked.run.ok("corpus", "add", letters, "--name", "few", "--limit", 3, "--json").json
    walked.run.ok("corpus", "tokenize", "few", "--model", "tiny", "--name", "short", "--context-length", 16)
    stats = walked.run.ok("corpus", "stats", "short", "--json").json

    assert (few["documents"], few["held_out_documents"]) == (3, 0)
    assert (stats["documents"], stats["context_length"]) == (3, 16)


def test_the_options_of_a_recording_have_effect(walked: Walked):
    out = walked.root / "acts-two"
    options = ("--hook", "mlp_out", "--hook", "resid_pre", "--layer", 1, "--layer", 3)
    told = walked.run.ok(
        "trace", "--model", "tiny", "--corpus", "letters-tiny", *options, "--tokens", 640, "--dtype", "float32",
        "--no-exclude-special", "--shard", "0/1", "--out", out, "--json",
    ).json  # fmt: skip

    assert set(told["hooks"]) == {"mlp_out.1", "mlp_out.3", "resid_pre.1", "resid_pre.3"}
    assert told["hooks"]["mlp_out.1"]["excluded_special"] == 0
    assert (told["tokens_seen"], told["hooks"]["resid_pre.3"]["dtype"]) == (640, "float32")
    assert Recorded.open(out, "resid_pre.3").d == 32


def test_the_shards_of_a_recording_are_its_parts(walked: Walked):
    seen = [
        walked.run.ok(
            "trace", "--model", "tiny", "--corpus", "letters-tiny", "--layer", 0, "--shard", shard, "--json"
        ).json["tokens_seen"]
        for shard in ("0/2", "1/2")
    ]
    whole = open_artifact(walked.activations, Kind.ACTIVATIONS).manifest.metrics["tokens_seen"]

    assert sum(seen) == whole
    assert all(0 < part < whole for part in seen)


def test_an_sae_is_trained_on_a_model_live_and_its_options_have_effect(walked: Walked):
    told = walked.run.ok(
        "train", "--model", "tiny", "--corpus", "letters-tiny", "--layer", 1, "--hook", "mlp_out", *TRAIN[2:],
        "--tokens", 1000, "--d-sae", 40, "--k", 3, "--lr", 0.002, "--warmup-steps", 0, "--seed", 7, "--json",
    ).json  # fmt: skip
    manifest = open_artifact(walked.run.home / "saes" / "tiny-mlp_out.1-topk-k3-x40", Kind.SAE).manifest

    assert told["l0"] == pytest.approx(3, abs=0.01)
    assert (told["learning_rate"], told["tokens"]) == (0.002, 896)
    assert (manifest.config["sae"]["d_sae"], manifest.config["seed"]) == (40, 7)


def test_an_sae_is_evaluated_and_the_options_have_effect(walked: Walked):
    command = ("eval", walked.sae, "--model", "tiny", "--corpus", "letters-tiny")
    out = walked.root / "evaluation.json"
    held_out = walked.run.ok(*command, "--splice-contexts", 4, "--json", "--out", out).json
    short = walked.run.ok(*command, "--split", "train", "--max-tokens", 320, "--splice-contexts", 0, "--json").json

    assert 0 < held_out["fvu"] < 1
    assert held_out["ce_model"] > 0
    assert out.is_file()
    assert short["tokens"] + short["excluded"]["special"] + short["excluded"]["massive"] == 320
    assert short["ce_model"] is None
    table = walked.run.ok(*command, "--splice-contexts", 2)
    assert "held-out tokens" in table.out
    assert "special" in table.err


def test_an_sae_is_compared_with_another_one_and_both_evaluations_are_kept(walked: Walked):
    command = ("eval", walked.sae, "--model", "tiny", "--corpus", "letters-tiny", "--splice-contexts", 0, "--json")
    alone = walked.run.ok(*command, "--max-tokens", 128).json
    kept = set((walked.run.home / "studio" / "evaluations").iterdir())
    compared = walked.run.ok(*command, "--max-tokens", 128, "--against", walked.sae).json

    assert -1 < alone["decoder_cosine"] < 1
    assert (alone["stability_cosine"], alone["against"]) == (None, None)
    assert compared["stability_cosine"] == pytest.approx(1)
    assert compared["stability_mcc"] == pytest.approx(1)
    assert kept < set((walked.run.home / "studio" / "evaluations").iterdir())


def test_features_are_found_live_and_from_a_recording_alike(walked: Walked):
    recorded = walked.run.ok(
        "find", walked.sae, "--model", "tiny", "--corpus", "letters-tiny", "--activations", walked.activations,
        "--top-tokens", 2, "--out", walked.root / "features-recorded", "--json",
    ).json  # fmt: skip
    live = open_artifact(walked.features, Kind.FEATURES).manifest

    assert (recorded["tokens"], recorded["activations"]) == (live.metrics["tokens"], live.metrics["activations"])
    changed = open_artifact(walked.root / "features-recorded").manifest.config["find"]
    assert (changed["top_tokens"], live.config["find"]["top_tokens"]) == (2, 5)


def test_the_command_that_find_proposes_steers(walked: Walked):
    done = walked.run.ok(
        "find", walked.sae, "--model", "tiny", "--corpus", "letters-tiny", "--out", walked.root / "features-again"
    )
    *_, proposed = done.err.splitlines()
    program, *arguments = shlex.split(proposed.removeprefix("Next: "))

    assert program == "mistudio"
    assert "as it is" in walked.run.ok(*arguments, "--max-new-tokens", 4).out


def test_steering_changes_the_text_and_the_options_have_effect(walked: Walked):
    command = ("steer", "--model", "tiny", "--sae", walked.sae, "--features", walked.features, "--json")
    plain = walked.run.ok(*command, "--feature", "3=0", "--max-new-tokens", 6, "Four score", "a new").json
    turned = walked.run.ok(*command, "--feature", "3=8", "--feature", "5:clamp=0", "--max-new-tokens", 6, "Four").json
    drawn = [
        walked.run.ok(
            *command, "--feature", "3=0", "--max-new-tokens", 6, "--temperature", 2, "--seed", seed, "Four"
        ).json
        for seed in (1, 2)
    ]

    def texts(told):
        return [row["text"] for row in told["rows"]]

    assert plain["prompts"] == ["Four score", "a new"]
    assert len(set(texts(plain))) == 2
    assert len(set(texts(turned))) == 2
    assert texts(drawn[0]) != texts(drawn[1])


def test_doctor_finds_a_changed_file_when_it_looks_deep(walked: Walked):
    sound = walked.run.ok("doctor", "--deep", "--json").json
    assert sound["broken"] == {}
    walked.run.ok("corpus", "add", walked.root / "letters", "--name", "spoilt")
    file = walked.run.home / "corpora" / "spoilt" / "documents.parquet"
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)

    assert walked.run("doctor").code == 0
    deep = walked.run("doctor", "--deep")
    file.write_bytes(b"")
    short = walked.run("doctor")
    for path in sorted(file.parent.iterdir()):
        path.unlink()

    assert deep.code == 1
    assert "was changed" in deep.out
    assert short.code == 1
    assert "has 0 bytes" in short.out
