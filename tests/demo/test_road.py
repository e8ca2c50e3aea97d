"""The demo's road on a tiny random model and made-up text, from the loaded model to the page."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from mistudio.artifacts.store import LocalStore
from mistudio.corpora.config import CorpusConfig, TokenizeConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.corpora.tokenize import tokenize
from mistudio.corpora.tokens import Tokens
from mistudio.demo.config import DemoConfig
from mistudio.demo.report import render_report
from mistudio.demo.report_content import report_content
from mistudio.demo.road import Road, walk_from
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.loading import LanguageModel, load_model
from mistudio.progress import Silent
from tests.tiny_models import save_tiny_checkpoint

CONFIG = DemoConfig(
    layer=1, recorded_tokens=4096, passes=1, k=4, expansion=2, lr=1e-3, evaluated_tokens=512, splice_contexts=4
)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalStore, LanguageModel, Tokens]:
    root = tmp_path_factory.mktemp("demo")
    model = save_tiny_checkpoint(root / "tiny", max_position_embeddings=256)
    draw = random.Random(0)
    (root / "texts").mkdir()
    for number in range(24):
        words = draw.choices(["four", "score", "and", "seven", "years", "our", "fathers", "nation"], k=150)
        (root / "texts" / f"{1800 + number}_made_up_r.txt").write_text(" ".join(words))
    corpus = add_corpus(CorpusConfig(sources=(str(root / "texts"),), held_out=0.2), root / "corpus")
    tokenize(corpus.path, str(model), TokenizeConfig(context_length=64), root / "tokens")
    lm = load_model(ModelConfig(source=str(model), dtype="float32", device="cpu"))
    return LocalStore(root / "home"), lm, Tokens.open(root / "tokens")


@pytest.fixture(scope="module")
def road(start: tuple[LocalStore, LanguageModel, Tokens]) -> Road:
    store, lm, tokens = start
    return walk_from(store, CONFIG, lm, tokens, Silent())


def test_a_first_walk_runs_every_stage_and_keeps_its_time(road: Road):
    assert road.reused == frozenset()
    assert set(road.seconds) == {"record activations", "train the SAE", "evaluate", "find features", "steer"}


def test_a_second_walk_takes_what_the_first_left(road: Road, start: tuple[LocalStore, LanguageModel, Tokens]):
    store, lm, tokens = start
    again = walk_from(store, CONFIG, lm, tokens, Silent())

    assert again.reused == {"record activations", "train the SAE", "evaluate", "find features"}
    assert again.sae_artifact.manifest.id == road.sae_artifact.manifest.id
    assert again.evaluation == road.evaluation
    assert again.showcase.latent == road.showcase.latent
    assert {name: again.seconds[name] for name in again.reused} == {name: road.seconds[name] for name in again.reused}


def test_a_changed_demo_does_not_take_old_results_for_new_ones(
    road: Road, start: tuple[LocalStore, LanguageModel, Tokens]
):
    store, lm, tokens = start
    other = walk_from(store, CONFIG.model_copy(update={"k": 3}), lm, tokens, Silent())

    assert other.reused == {"record activations"}
    assert other.sae.config.k == 3


def test_the_page_tells_what_the_artifacts_hold(road: Road):
    content = report_content(road)
    held_out = {row["doc"] for row in road.tokens.documents.to_pylist() if row["held_out"]}

    assert (content.model.layers, content.model.d_model, content.model.hook) == (4, 32, "resid_post.1")
    assert (content.corpus.documents, content.corpus.held_out_documents) == (24, len(held_out))
    assert content.corpus.tokens == len(road.tokens.flat)
    assert (content.training.latents, content.training.active) == (road.sae.d_sae, 4)
    assert content.training.tokens[-1] == content.training.tokens_trained
    assert len(content.training.steps) == len(content.training.fvu) == len(content.training.dead_share)
    assert {number.value for number in content.evaluation} == set(road.evaluation.numbers().values())
    assert sum(content.density.counts) + content.density.dead == road.sae.d_sae


def test_every_feature_on_the_page_has_text_that_its_latent_is_active_on(road: Road):
    rows = report_content(road).features.rows

    assert len({row.latent for row in rows}) == len(rows) > 0
    assert rows[0].latent == road.showcase.latent
    for row in rows:
        contexts = [context for group in row.groups for context in group.contexts]
        assert contexts
        for context in contexts:
            assert len(context.pieces) == len(context.activations)
            assert max(context.activations) == pytest.approx(context.activations[context.peak])
            assert max(context.activations) <= row.max_activation * 1.001


def test_the_page_shows_each_prompt_with_and_without_the_latent(road: Road):
    content = report_content(road)

    assert len(content.steering) == 2
    assert all(comparison.latents == (road.showcase.latent,) for comparison in content.steering)
    written = [spec.edits[0].strength for spec in road.showcase.comparison.specs]
    assert all([text.strength for text in comparison.steered] == written for comparison in content.steering)


def test_the_commands_on_the_page_name_artifacts_that_are_there(road: Road):
    content = report_content(road)

    assert all(Path(artifact.path).exists() for artifact in content.artifacts)
    named = [word for command in content.commands for word in command.command.split() if word.startswith("/")]
    assert named
    assert all(Path(word).exists() for word in named)


def test_the_page_is_drawn(road: Road):
    assert "resid_post.1" in render_report(report_content(road))
