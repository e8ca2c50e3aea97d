"""A store with one thing of every kind, made by the library on a tiny model as the command line makes them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mistudio.activations.config import TraceConfig
from mistudio.activations.record import trace
from mistudio.activations.stream import RecordedSource
from mistudio.artifacts.manifest import open_artifact
from mistudio.corpora.config import CorpusConfig, TokenizeConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.corpora.tokenize import tokenize
from mistudio.corpora.tokens import Tokens
from mistudio.features.find import find
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.loading import load_model, save_model
from mistudio.sae.config import TopKConfig
from mistudio.sae.native_file import load_sae
from mistudio.training.config import TrainConfig
from mistudio.training.train import train
from tests.tiny_models import save_tiny_checkpoint

HOOK = "resid_post.1"
SENTENCES = [
    f"Letter {number}: the people 🦊 of the nation 漢字 are free, and the law shall be held." for number in range(60)
]


def write_store(home: Path) -> None:
    """Fill a home; see `NAMES`. Each is made of those before it."""
    (home / "made").mkdir(parents=True)
    save_tiny_checkpoint(home / "made" / "tiny")
    save_model(load_model(ModelConfig(source=str(home / "made" / "tiny"), dtype="float32")), home / "models" / "tiny")
    source = home / "made" / "letters.jsonl"
    rows = ({"text": text, "year": 1790 + number} for number, text in enumerate(SENTENCES))
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    add_corpus(CorpusConfig(sources=(str(source),), held_out=0.2), home / "corpora" / "letters")
    model, tokens = str(home / "models" / "tiny"), home / "tokens" / "letters-tiny"
    tokenize(home / "corpora" / "letters", model, TokenizeConfig(context_length=16), tokens)
    lm = load_model(ModelConfig(source=model, dtype="float32"))
    trace(lm, Tokens.open(tokens), TraceConfig(hooks=(HOOK,)), home / "activations" / "road")
    recorded = RecordedSource([home / "activations" / "road"])
    config = TrainConfig(sae=TopKConfig(k=4, d_sae=64), tokens=4096, batch_size=256, warmup_steps=2, log_every=2)
    train(recorded, config, home / "saes" / "road")
    sae, recorded = load_sae(home / "saes" / "road"), RecordedSource([home / "activations" / "road"])
    made_of = open_artifact(home / "saes" / "road")
    find(sae, recorded, Tokens.open(tokens), lm, home / "features" / "road", sae_artifact=made_of)


def copy_store(made: Path, home: Path) -> None:
    """Copy a small store into another home."""
    for kind, name in NAMES.items():
        shutil.copytree(made / kind / name, home / kind / name)


NAMES = {
    "models": "tiny",
    "corpora": "letters",
    "tokens": "letters-tiny",
    "activations": "road",
    "saes": "road",
    "features": "road",
}
