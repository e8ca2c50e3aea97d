import json

import pytest

from mistudio.errors import ArtifactBroken, NotFound
from mistudio.evaluation.config import EvaluateConfig
from mistudio.evaluation.evaluate import evaluate
from mistudio.evaluation.result import read_evaluation, write_evaluation
from tests.evaluation.conftest import HOOK, random_sae


def test_an_evaluation_is_the_same_after_a_trip_through_its_file(lm, tokens, tmp_path):
    made = evaluate(random_sae(), lm, tokens, EvaluateConfig(max_tokens=240, splice_contexts=2))
    write_evaluation(made, tmp_path / "evaluation.json")
    assert read_evaluation(tmp_path / "evaluation.json") == made


def test_the_file_says_what_was_evaluated_and_what_was_left_out(lm, tokens, tmp_path):
    write_evaluation(evaluate(random_sae(), lm, tokens), tmp_path / "evaluation.json")
    content = json.loads((tmp_path / "evaluation.json").read_text())
    assert content["model"]["digest"] == lm.digest
    assert content["sae"]["hook"] == HOOK
    assert content["text"]["id"] == tokens.artifact.manifest.id
    assert content["excluded"]["rule"]["special_ids"] == [0, 1, 2]
    assert content["config"]["split"] == "held_out"


def test_a_missing_or_foreign_file_is_refused_by_name(tmp_path):
    with pytest.raises(NotFound, match=r"no\.json"):
        read_evaluation(tmp_path / "no.json")
    (tmp_path / "other.json").write_text('{"fvu": 1}')
    with pytest.raises(ArtifactBroken, match=r"other\.json"):
        read_evaluation(tmp_path / "other.json")
