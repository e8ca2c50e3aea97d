"""The demo's road, stage by stage. What an earlier run finished is used again.

1. Fetch a small model and the State of the Union addresses; unpack the model's weights once; set addresses aside.
2. Record activations at one hook point, train an SAE on them, evaluate it on the addresses set aside.
3. Find what activates each latent, choose a latent that steers well, steer with it.
4. Write the report.

A stage's directory is called after a digest of everything that decides its content, so that a changed demo never
takes old results for new ones.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from mistudio.activations.config import TraceConfig
from mistudio.activations.outliers import TokenFilter
from mistudio.activations.record import trace
from mistudio.activations.stream import RecordedSource
from mistudio.artifacts.atomic import write_json
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import MANIFEST, Artifact, open_artifact
from mistudio.artifacts.store import LocalStore
from mistudio.config import Config
from mistudio.corpora.config import CorpusConfig, TokenizeConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.corpora.tokenize import tokenize
from mistudio.corpora.tokens import Tokens
from mistudio.demo.config import DemoConfig
from mistudio.demo.packages import MODEL, TEXT, fetch
from mistudio.demo.showcase import Showcase, steer_with_the_best
from mistudio.evaluation.config import EvaluateConfig
from mistudio.evaluation.evaluate import evaluate
from mistudio.evaluation.result import Evaluation, keep_evaluation, read_evaluation, write_evaluation
from mistudio.features.config import FindConfig
from mistudio.features.find import find
from mistudio.features.pages import Features
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.loading import LanguageModel, load_model, save_model
from mistudio.progress import Progress
from mistudio.sae.config import TopKConfig
from mistudio.sae.native_file import load_sae
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.training.config import TrainConfig
from mistudio.training.train import train

_Result = TypeVar("_Result")


class Road(NamedTuple):
    """Everything that the stages left."""

    config: DemoConfig
    store: LocalStore
    lm: LanguageModel
    tokens: Tokens
    recording: Artifact
    sae_artifact: Artifact
    sae: SparseAutoencoder
    evaluation: Evaluation
    features: Features
    showcase: Showcase
    seconds: dict[str, float]
    """Of each stage, when it was really run."""
    reused: frozenset[str]
    """Stages taken from an earlier run."""


class Stages:
    """Runs a stage, or takes what an earlier run left, and keeps the time that it took.

    Args:
        folder: where the times are kept.
        found: told of each artifact as soon as it is there.
    """

    def __init__(self, folder: Path, progress: Progress, found: Callable[[Artifact], None] | None = None) -> None:
        self._path = folder / "seconds.json"
        self._progress = progress
        self._found = found or (lambda _: None)
        self.seconds: dict[str, float] = json.loads(self._path.read_text()) if self._path.is_file() else {}
        self.reused: set[str] = set()

    def artifact(self, stage: str, path: Path, make: Callable[[Path], Artifact]) -> Artifact:
        """The artifact at `path`, made if it is not there."""
        self._progress.checkpoint()
        if (path / MANIFEST).is_file():
            self.reused.add(stage)
            artifact = open_artifact(path)
        else:
            artifact = self.timed(stage, lambda: make(path))
        self._found(artifact)
        return artifact

    def timed(self, stage: str, work: Callable[[], _Result]) -> _Result:
        """Do the work and keep its time."""
        self._progress.checkpoint()
        begun = time.monotonic()
        result = work()
        self.seconds[stage] = round(time.monotonic() - begun, 1)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._path, self.seconds)
        return result


def walk(
    store: LocalStore, config: DemoConfig, progress: Progress, *, found: Callable[[Artifact], None] | None = None
) -> Road:
    """Walk the road; each stage raises what its library function raises.

    Args:
        found: told of each artifact as soon as it is there, whether it was made now or earlier.
    """
    stages = Stages(store.home / "demo", progress, found)
    lm, tokens = model_and_text(store, progress, stages)
    return walk_from(store, config, lm, tokens, progress, stages)


def walk_from(
    store: LocalStore,
    config: DemoConfig,
    lm: LanguageModel,
    tokens: Tokens,
    progress: Progress,
    stages: Stages | None = None,
) -> Road:
    """Walk the road from a loaded model and tokenized text on."""
    stages = stages or Stages(store.home / "demo", progress)
    hook = f"resid_post.{config.layer}"
    recorded = TraceConfig(hooks=(hook,), max_tokens=config.recorded_tokens)
    recording = stages.artifact(
        "record activations",
        store.path(Kind.ACTIVATIONS, _name("demo", tokens.artifact, lm.digest, recorded)),
        lambda path: trace(lm, tokens, recorded, path, progress=progress),
    )
    source = RecordedSource([recording.path], hook=hook)
    settings = TrainConfig(
        sae=TopKConfig(k=config.k, expansion=config.expansion), tokens=config.passes * source.n_tokens, lr=config.lr
    )
    sae_artifact = stages.artifact(
        "train the SAE",
        store.path(Kind.SAE, _name("demo", recording, settings)),
        lambda path: train(source, settings, path, progress=progress),
    )
    sae = load_sae(sae_artifact.path)
    evaluation = _evaluation(store, stages, config, lm, tokens, sae, sae_artifact, progress)
    found = stages.artifact(
        "find features",
        store.path(Kind.FEATURES, _name("demo", sae_artifact, recording, FindConfig())),
        lambda path: find(sae, source, tokens, lm, path, FindConfig(), sae_artifact=sae_artifact, progress=progress),
    )
    features = Features.open(found.path)
    showcase = stages.timed("steer", lambda: steer_with_the_best(lm, sae, features, tokens, progress))
    return Road(
        config, store, lm, tokens, recording, sae_artifact, sae, evaluation, features, showcase,
        stages.seconds, frozenset(stages.reused),
    )  # fmt: skip


def model_and_text(store: LocalStore, progress: Progress, stages: Stages | None = None) -> tuple[LanguageModel, Tokens]:
    """The demo's model and tokens, fetched and made where they are not there yet."""
    stages = stages or Stages(store.home / "demo", progress)
    downloads = store.home / "downloads"
    gguf = next(fetch(MODEL, downloads, progress).glob("*.gguf"))
    texts = fetch(TEXT, downloads, progress)
    model = stages.artifact(
        "unpack the model",
        store.path(Kind.MODEL, model_name()),
        lambda path: save_model(load_model(ModelConfig(source=str(gguf)), progress=progress), path),
    )
    brought = CorpusConfig(sources=(str(texts),), held_out=0.1)
    corpus = stages.artifact(
        "read the text",
        store.path(Kind.CORPUS, _name("state-of-the-union", TEXT.sha256, brought)),
        lambda path: add_corpus(brought, path, progress=progress),
    )
    packed = stages.artifact(
        "tokenize",
        store.path(Kind.TOKENS, _name("state-of-the-union", corpus, model, TokenizeConfig())),
        lambda path: tokenize(corpus.path, str(model.path), TokenizeConfig(), path, progress=progress),
    )
    return load_model(str(model.path), progress=progress), Tokens.open(packed.path)


def model_name() -> str:
    """The demo's model, in the store."""
    return _name("SmolLM2-135M-Instruct", MODEL.sha256)


def _evaluation(
    store: LocalStore,
    stages: Stages,
    config: DemoConfig,
    lm: LanguageModel,
    tokens: Tokens,
    sae: SparseAutoencoder,
    sae_artifact: Artifact,
    progress: Progress,
) -> Evaluation:
    settings = EvaluateConfig(max_tokens=config.evaluated_tokens, splice_contexts=config.splice_contexts)
    path = store.home / "demo" / f"{_name('evaluation', sae_artifact, settings)}.json"
    if path.is_file():
        stages.reused.add("evaluate")
        result = read_evaluation(path)
    else:
        token_filter = TokenFilter.from_description(sae.metadata["token_filter"])
        result = stages.timed(
            "evaluate", lambda: evaluate(sae, lm, tokens, settings, filter=token_filter, progress=progress)
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        write_evaluation(result, path)
    sae_id = sae_artifact.manifest.id
    name = sae_id.replace("sae-", "evaluation-", 1)
    keep_evaluation(result.model_dump(mode="json"), store.home, sae_id, tokens.artifact.manifest.id, name)
    return result


def _name(prefix: str, *made_of: Any) -> str:
    # An Artifact is a Config too: what counts of it is its id.
    parts = [
        part.manifest.id
        if isinstance(part, Artifact)
        else part.model_dump_json()
        if isinstance(part, Config)
        else str(part)
        for part in made_of
    ]
    return f"{prefix}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:8]}"
