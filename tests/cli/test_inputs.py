"""What an argument means."""

from __future__ import annotations

from pathlib import Path

import pytest

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import open_artifact
from mistudio.artifacts.store import LocalStore
from mistudio.cli import inputs
from mistudio.errors import BadInput
from mistudio.progress import Silent
from tests.cli.conftest import Walked, write_letters


def tokens_of(walked: Walked, reference: object) -> tuple[str, int]:
    store = LocalStore(walked.run.home)
    tokens = inputs.tokens_for(store, str(reference), "tiny", Silent(), context_length=32)
    return tokens.artifact.manifest.id, tokens.n_contexts


def test_tokens_and_corpora_are_taken_by_name_and_by_directory(walked: Walked):
    home = walked.run.home

    assert tokens_of(walked, "letters-tiny") == tokens_of(walked, home / "tokens" / "letters-tiny")
    assert tokens_of(walked, "letters") == tokens_of(walked, home / "corpora" / "letters")


def test_text_given_by_path_is_tokenized_once(walked: Walked, tmp_path: Path):
    letters = write_letters(tmp_path / "mine", documents=3)

    assert tokens_of(walked, letters) == tokens_of(walked, letters)


def test_two_folders_of_one_name_are_two_corpora(walked: Walked, tmp_path: Path):
    ours = write_letters(tmp_path / "ours" / "letters", documents=4)
    theirs = write_letters(tmp_path / "theirs" / "letters", documents=8)

    assert tokens_of(walked, ours)[1] < tokens_of(walked, theirs)[1]


def test_text_that_was_changed_is_read_again(walked: Walked, tmp_path: Path):
    letters = write_letters(tmp_path / "growing", documents=2)
    before = tokens_of(walked, letters)
    (letters / "new.txt").write_text("a new letter " * 40)

    assert tokens_of(walked, letters)[1] > before[1]


def test_the_place_of_a_recording_names_model_corpus_and_hook(tmp_path: Path):
    place = inputs.place(LocalStore(tmp_path), Kind.ACTIVATIONS, None, "lab/pythia", "./letters", "resid_post.2")
    assert place == tmp_path / "activations" / "pythia-letters-resid_post.2"


def test_long_names_are_cut_without_becoming_equal(tmp_path: Path):
    store = LocalStore(tmp_path)
    places = {inputs.place(store, Kind.SAE, None, *["resid_post.1"] * 12, str(number)) for number in range(3)}
    assert len(places) == 3


@pytest.mark.parametrize("text", ["../..", "///", "...", "~", " "])
def test_a_name_made_from_anything_is_a_name_of_the_store(tmp_path: Path, text: str):
    assert LocalStore(tmp_path).path(Kind.SAE, inputs.slug(text)).parent == tmp_path / "saes"


@pytest.mark.parametrize("text", ["", "1", "2/2", "-1/2", "a/b", "1/2/3", "0/0"])
def test_a_shard_that_does_not_exist_is_refused(text: str):
    with pytest.raises(BadInput):
        inputs.shard(text)


def test_the_tokens_that_the_user_made_of_a_corpus_are_used_and_several_are_asked_about(walked: Walked):
    walked.run.ok("corpus", "add", walked.root / "letters", "--name", "mine", "--held-out", 0.2)
    tokenize = ("corpus", "tokenize", "mine", "--model", "tiny", "--context-length")
    made_on_the_way = tokens_of(walked, "mine")
    walked.run.ok(*tokenize, 64)
    told = walked.run.ok("trace", "--model", "tiny", "--corpus", "mine", "--layer", 0, "--json").json
    used = open_artifact(Path(told["path"])).manifest.inputs

    assert tokens_of(walked, "mine") != made_on_the_way
    assert tokens_of(walked, "mine") == tokens_of(walked, "mine-tiny")
    assert tokens_of(walked, "mine-tiny")[0] in [each.id for each in used]

    walked.run.ok(*tokenize, 16, "--name", "mine-short")
    with pytest.raises(BadInput, match=r"mine-short, mine-tiny") as refused:
        tokens_of(walked, "mine")
    assert "--corpus mine-short" in refused.value.remedy


def test_tokens_of_the_model_that_a_stored_one_came_from_are_its_tokens(walked: Walked):
    walked.run.ok("corpus", "add", walked.root / "letters", "--name", "theirs", "--limit", 4)
    walked.run.ok(
        "corpus", "tokenize", "theirs", "--model", walked.root / "tiny", "--name", "t", "--context-length", 16
    )

    assert tokens_of(walked, "theirs") == tokens_of(walked, "t")
