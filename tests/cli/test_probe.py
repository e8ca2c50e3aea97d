"""`mistudio probe`, on labelled documents and on spelling."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from mistudio.evaluation.probing.result import LabelProbing, SpellingProbing
from tests.cli.conftest import Walked

_WORDS = {"a": "nation", "b": "dedicated", "c": "conceived"}
SPELLING = ("--spelling", "--words", "all", "--min-letters", 1, "--min-words", 4, "--min-probe-f1", 0)
LABELS = ("--label", "kind", "--min-documents", 8, "--ks", 1, "--ks", 3, "--perturbed", 2)


@pytest.fixture(scope="session")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Letters of three kinds, and two of a fourth, as JSONL."""
    file, draw = tmp_path_factory.mktemp("labelled") / "letters.jsonl", random.Random(0)
    rows = [{"text": f"{draw.random()} four score {_WORDS[kind]} {_WORDS[kind]}", "kind": kind} for kind in "abc" * 10]
    rows += [{"text": f"other {n}", "kind": "d"} for n in range(2)]
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


def test_labels_are_probed_and_the_options_have_effect(walked: Walked, letters: Path):
    command = ("probe", walked.sae, "--model", "tiny", "--corpus", letters, *LABELS)
    out = walked.root / "probing.json"
    told = LabelProbing.model_validate(walked.run.ok(*command, "--json", "--out", out).json)

    assert [each.label for each in told.classes] == ["a", "b", "c"]
    assert [each.k for each in told.classes[0].sparse] == [1, 3]
    assert (told.documents, told.left_out_classes) == (30, {"d": 2})
    assert LabelProbing.model_validate_json(out.read_text()) == told
    done = walked.run.ok(*command, "--classes", "a", "--classes", "b")
    assert "no SAE" in done.out
    assert "perturbation" not in done.out
    done = walked.run.ok(*command)
    assert "Targeted probe perturbation" in done.out
    assert "Left out, with fewer than 8 documents: d (2)." in done.err


def test_the_corpus_of_tokens_is_found(walked: Walked, letters: Path):
    walked.run.ok("corpus", "add", letters, "--name", "labelled", "--held-out", 0.1)
    walked.run.ok("corpus", "tokenize", "labelled", "--model", "tiny", "--context-length", 16, "--name", "labelled-16")
    told = walked.run.ok(
        "probe", walked.sae, "--model", "tiny", "--corpus", "labelled-16", *LABELS, "--json"
    ).json  # fmt: skip
    assert told["documents"] == 30


def test_spelling_is_probed_without_any_text(walked: Walked):
    command = ("probe", walked.sae, "--model", "tiny", *SPELLING)
    told = SpellingProbing.model_validate(walked.run.ok(*command, "--json").json)

    assert told.config.min_words == 4
    assert told.letters
    done = walked.run.ok(*command)
    assert "absorption rate" in done.out
    assert "Left out Z: 2 words begin with it, and 4 are wanted." in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "There is nothing to probe for."),
        (("--spelling", "--corpus", "letters"), "Both a corpus and --spelling are given."),
        (("--corpus", "letters"), "No label is named."),
        (("--corpus", "letters", "--label", "party"), "No document has metadata called 'party'."),
        (("--spelling", "--label", "party"), "--label works with --corpus only."),
        (("--corpus", "letters", "--label", "party", "--max-words", "9"), "--max-words works with --spelling only."),
        (
            ("--spelling", "--template", "{word}"),
            "--template: a template holds {word} once and, after it, {letter} once.",
        ),
        (("--spelling", "--min-words", "900"), "Nothing can be said of any first letter"),
    ],
)
def test_what_cannot_be_probed_is_refused_in_one_sentence(walked: Walked, options: tuple[str, ...], words: str):
    done = walked.run("probe", walked.sae, "--model", "tiny", *options)
    assert done.code == 2
    assert words in done.error[0]
    assert not done.out
