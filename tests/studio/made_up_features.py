"""A small feature set in a home: an artifact that `find` made, and its row."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mistudio.artifacts.manifest import open_artifact
from mistudio.features.find import find
from mistudio.studio.db.artifacts import FeatureSet
from mistudio.studio.db.base import now
from mistudio.studio.db.session import Database, Session
from mistudio.studio.settings import Settings
from tests.features.conftest import D_IN, make_sae, make_source, make_tokens
from tests.tiny_models import tiny_language_model

WORDS = ["nation", "liberty", "war", "the", "cat", "men", "equal", "🙂", "(a,", "b)", "ago", "new", "über"]
T = TypeVar("T")


def make_features(home: Path, name: str = "found", *, d_sae: int = 300) -> Path:
    """The artifact, in the store's folder, with a logit lens and the text of its tokens."""
    folder = home / "made-of" / name
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    tokens = make_tokens(folder, [" ".join(random.choice(WORDS, 60)) for _ in range(30)])
    lm = tiny_language_model(hidden_size=D_IN, num_attention_heads=2, num_key_value_heads=2)
    path = home / "features" / name
    find(make_sae(d_sae=d_sae), make_source(tokens), tokens, lm, path)
    return path


def row_of(path: Path) -> FeatureSet:
    """The row of a features artifact that stands for itself."""
    manifest = open_artifact(path).manifest
    metrics = manifest.metrics
    return FeatureSet(
        id=manifest.id, name=path.name, path=str(path), bytes=sum(file.bytes for file in manifest.files.values()),
        manifest=manifest.model_dump(mode="json", exclude={"files"}), created_at=now(), hook=manifest.config["hook"],
        tokens=metrics["tokens"], latents=metrics["latents_alive"] + metrics["latents_dead"],
        alive=metrics["latents_alive"],
    )  # fmt: skip


def in_session(settings: Settings, work: Callable[[Session], Awaitable[T]]) -> T:
    """What `work` gives in a transaction of its own."""
    return with_database(settings, lambda database: _in(database, work))


def with_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """What `work` gives with a database of its own."""

    async def run() -> T:
        database = Database(str(settings.database_url))
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


async def _in(database: Database, work: Callable[[Session], Awaitable[Any]]) -> Any:
    async with database.session() as session:
        return await work(session)
