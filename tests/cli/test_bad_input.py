"""Bad input ends in one clear sentence, one remedy, an exit code, and nothing half-written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mistudio.errors import HookMissing
from tests.cli.conftest import TRAIN, Walked
from tests.cli.program import Done, files_limited_to
from tests.tiny_models import save_tiny_checkpoint


def assert_refused(done: Done, code: int, *words: str) -> None:
    what, remedy = done.error
    assert done.code == code, done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert len(what.split()) >= 3
    assert len(remedy.split()) >= 2
    for word in words:
        assert word in what


def nothing_at(out: Path) -> bool:
    return not out.exists() and not list(out.parent.glob(f".{out.name}*"))


@pytest.mark.parametrize("verb", ["trace", "train"])
def test_a_model_that_is_nowhere(walked: Walked, tmp_path: Path, verb: str):
    out = tmp_path / "out"
    done = walked.run(verb, "--model", "./no-such-model", "--corpus", "letters-tiny", "--layer", 1, "--out", out)

    assert_refused(done, 2, "./no-such-model")
    assert nothing_at(out)


@pytest.mark.parametrize("verb", ["trace", "train"])
def test_a_layer_that_the_model_does_not_have(walked: Walked, tmp_path: Path, verb: str):
    out = tmp_path / "out"
    done = walked.run(verb, "--model", "tiny", "--corpus", "letters-tiny", "--layer", 99, "--out", out)

    assert_refused(done, 2, "resid_post.99", "4 layers")
    assert "0 to 3" in done.error[1]
    assert nothing_at(out)


def test_a_hook_point_that_no_model_has(walked: Walked):
    done = walked.run("trace", "--model", "tiny", "--corpus", "letters-tiny", "--layer", 1, "--hook", "soul")
    assert_refused(done, 2, "soul")


def test_a_corpus_that_is_nowhere(walked: Walked):
    assert_refused(walked.run("corpus", "add", "./no-such-text"), 2, "no-such-text")


@pytest.mark.parametrize("files", [{}, {"empty.txt": ""}, {"blank.txt": " \n\n"}])
def test_an_empty_corpus(walked: Walked, tmp_path: Path, files: dict[str, str]):
    (tmp_path / "texts").mkdir()
    for name, text in files.items():
        (tmp_path / "texts" / name).write_text(text)

    assert_refused(walked.run("corpus", "add", tmp_path / "texts", "--name", "empty"), 2)
    assert nothing_at(walked.run.home / "corpora" / "empty")


def test_a_file_that_cannot_be_read_is_left_out_only_where_that_is_asked(walked: Walked, tmp_path: Path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "good.txt").write_text("We the people.")
    (tmp_path / "texts" / "latin.txt").write_bytes("Größe".encode("latin-1"))
    assert_refused(walked.run("corpus", "add", tmp_path / "texts", "--name", "strict"), 2, "latin.txt")
    done = walked.run.ok("corpus", "add", tmp_path / "texts", "--name", "lenient", "--leave-out-unreadable")
    assert "latin.txt" in done.out + done.err


def test_a_corpus_of_one_token(walked: Walked, tmp_path: Path):
    (tmp_path / "one.txt").write_text("a")
    walked.run.ok("corpus", "add", tmp_path / "one.txt", "--name", "one-token")

    done = walked.run("corpus", "tokenize", "one-token", "--model", "tiny", "--context-length", 32)
    assert_refused(done, 2)
    assert nothing_at(walked.run.home / "tokens" / "one-token-tiny")
    assert_refused(walked.run("trace", "--model", "tiny", "--corpus", tmp_path / "one.txt", "--layer", 1), 2)


def test_a_data_type_that_is_none(walked: Walked):
    for command in (
        ("model", "show", "tiny", "--dtype", "int3"),
        ("trace", "--model", "tiny", "--corpus", "letters-tiny", "--layer", 1, "--dtype", "bfloat8"),
    ):
        done = walked.run(*command)
        assert done.code == 2
        assert command[-1] in done.err
        assert "float16" in done.err
        assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--k", 0), "--k"),
        (("--tokens", -1), "--tokens"),
        (("--decay-share", 1.5), "--decay-share"),
        (("--lr", "nan"), "--lr"),
    ],
)
def test_a_value_out_of_its_range_names_the_option(walked: Walked, options: tuple[object, ...], words: str):
    assert_refused(walked.run("train", "--activations", walked.activations, *options), 2, words)


def test_more_active_latents_than_there_are(walked: Walked, tmp_path: Path):
    out = tmp_path / "sae"
    done = walked.run("train", "--activations", walked.activations, "--d-sae", 8, "--k", 9, "--out", out)
    assert_refused(done, 2, "9", "8")


def test_fewer_tokens_than_a_batch(walked: Walked, tmp_path: Path):
    out = tmp_path / "sae"
    assert_refused(walked.run("train", "--activations", walked.activations, "--batch-size", 10**6, "--out", out), 2)


def test_nothing_or_too_much_to_train_on(walked: Walked):
    assert_refused(walked.run("train"), 2, "nothing to train on")
    assert_refused(walked.run("train", "--activations", walked.activations, "--model", "tiny"), 2, "Both")


@pytest.mark.parametrize("verb", ["eval", "find"])
def test_a_truncated_sae_is_refused_by_name(walked: Walked, tmp_path: Path, verb: str):
    sae = shutil.copytree(walked.sae, tmp_path / "cut")
    weights = sae / "sae_weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])

    done = walked.run(verb, sae, "--model", "tiny", "--corpus", "letters-tiny")
    assert_refused(done, 1, "sae_weights.safetensors")


def test_a_truncated_model_is_refused_by_name(walked: Walked, tmp_path: Path):
    model = save_tiny_checkpoint(tmp_path / "cut")
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])

    assert_refused(walked.run("model", "add", model), 1, "model.safetensors")
    assert nothing_at(walked.run.home / "models" / "cut")


def test_an_sae_given_where_a_recording_is_wanted(walked: Walked):
    assert_refused(walked.run("train", "--activations", walked.sae), 2, "is of kind sae, and activations is wanted")


def test_the_sae_of_another_model(walked: Walked, tmp_path: Path):
    wide = save_tiny_checkpoint(tmp_path / "wide", hidden_size=48)
    done = walked.run("eval", walked.sae, "--model", wide, "--corpus", "letters-tiny")
    assert_refused(done, 1, "48", "32")


@pytest.mark.parametrize("feature", ["", "x=1", "3", "3:twist=1", "3=", "3=nan", "-1=1", "3=1e999"])
def test_a_feature_that_is_not_understood(walked: Walked, feature: str):
    done = walked.run(
        "steer", "--model", "tiny", "--sae", walked.sae, "--features", walked.features, f"--feature={feature}", "a"
    )
    assert_refused(done, 2, "--feature")


@pytest.mark.parametrize("features", [("9999=1",), ("3=1", "3=2")])
def test_a_latent_that_is_not_there_or_edited_twice(walked: Walked, features: tuple[str, ...]):
    options = [f"--feature={each}" for each in features]
    done = walked.run("steer", "--model", "tiny", "--sae", walked.sae, "--features", walked.features, *options, "a")
    assert_refused(done, 2, f"atent {features[0].split('=')[0]}")


@pytest.mark.parametrize("name", ["../evil", "a/b", "-x"])
def test_a_name_that_would_leave_the_store(walked: Walked, name: str):
    assert_refused(walked.run("corpus", "add", walked.root / "letters", f"--name={name}"), 2, name)


def test_what_is_there_is_not_overwritten(walked: Walked):
    before = (walked.sae / "manifest.json").read_bytes()
    done = walked.run("train", "--activations", walked.activations, *TRAIN, "--out", walked.sae)

    assert_refused(done, 2, "exists already")
    assert (walked.sae / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("verb", ["trace", "train", "find"])
def test_a_full_disk_is_said_and_the_same_command_continues_when_there_is_room(
    walked: Walked, tmp_path: Path, verb: str
):
    out = tmp_path / "out"
    corpus = ("--model", "tiny", "--corpus", "letters-tiny")
    command = {
        "trace": ("trace", *corpus, "--layer", 0, "--out", out),
        "train": ("train", "--activations", walked.activations, *TRAIN, "--tokens", 2000, "--out", out),
        "find": ("find", walked.sae, *corpus, "--out", out),
    }[verb]
    with files_limited_to(3000):
        done = walked.run(*command)

    assert_refused(done, 1, "out")
    assert "space" in done.error[1]
    assert not out.exists()
    walked.run.ok(*command)


def test_an_error_keeps_its_traceback_under_debug_wherever_it_stands(walked: Walked):
    command = ["trace", "--model", "tiny", "--corpus", "letters-tiny", "--layer", 99]
    for arguments in (["--debug", *command], [*command, "--debug"]):
        with pytest.raises(HookMissing):
            walked.run(*arguments)
