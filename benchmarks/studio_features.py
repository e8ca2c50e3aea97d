"""How soon a million features are loaded, listed, searched and shown: `python benchmarks/studio_features.py [LATENTS]`.

A made-up feature set (Zipf-distributed words, every latent with a label) is written with the library, loaded into a
PostgreSQL of its own, and asked for through the studio's queries and its API. Everything is removed at the end.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pyarrow as pa

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, open_artifact, seal
from mistudio.features import index, statistics, token_index
from mistudio.features.collection import ActiveLatents, Collection
from mistudio.features.config import ContextConfig
from mistudio.features.contexts import Documents
from mistudio.features.packed_keys import KeyLayout
from mistudio.features.pages import Features
from mistudio.features.token_logits import TokenLogits
from mistudio.language_models.tokenizer_files import TokenTable
from mistudio.progress import Silent
from mistudio.studio.app import create_app
from mistudio.studio.db import features_load, features_query
from mistudio.studio.db.artifacts import FeatureSet
from mistudio.studio.db.base import now
from mistudio.studio.db.embedded import EmbeddedPostgres
from mistudio.studio.db.feature_journal import journal_of
from mistudio.studio.db.features_query import Wanted
from mistudio.studio.db.migrate import migrate
from mistudio.studio.db.session import Database
from mistudio.studio.settings import Settings

CONTEXTS, LENGTH, ACTIVE, WORDS = 800, 256, 32, 30_000
PAGES = 200


def words(random: np.random.Generator) -> list[str]:
    letters = np.array(list("aaabcdeeeefghiijklmnoopqrrsssttuvwxyz"))
    return ["".join(random.choice(letters, size)) for size in random.integers(2, 10, WORDS)]


def zipf(random: np.random.Generator, shape: tuple[int, ...], n: int) -> np.ndarray:
    return np.minimum(random.zipf(1.2, shape) - 1, n - 1)


def write_features(path: Path, n_latents: int, names: list[str]) -> Artifact:
    random, n_tokens = np.random.default_rng(0), CONTEXTS * LENGTH
    path.mkdir(parents=True)
    ids = zipf(random, (n_tokens,), WORDS).astype(np.uint16)
    spans = np.arange(0, n_tokens, LENGTH)
    documents = pa.table(
        {
            "doc": np.arange(CONTEXTS),
            "name": [f"document {i}" for i in range(CONTEXTS)],
            "start": spans,
            "end": spans + LENGTH,
        }
    )
    tokens: Any = SimpleNamespace(
        flat=ids, context_length=LENGTH, n_contexts=CONTEXTS, documents=documents,
        contexts=lambda rows: ids.reshape(CONTEXTS, LENGTH)[rows],
    )  # fmt: skip
    collection = Collection(path / ".work", {}, KeyLayout.of(n_latents, n_tokens), n_latents, 1 << 22)
    order = random.permutation(n_latents)
    for first in range(0, n_tokens, 10_000):
        count = min(10_000, n_tokens - first)
        drawn = np.sort(order[(n_latents * random.random((count, ACTIVE)) ** 2).astype(np.int64)])
        drawn[:, 1:][drawn[:, 1:] == drawn[:, :-1]] = -1
        kept = drawn >= 0
        values = random.gamma(2.0, 3.0, int(kept.sum())).astype(np.float32)
        collection.add(ActiveLatents(np.arange(first, first + count), kept.sum(axis=1), drawn[kept], values))
        collection.end_block()
    collection.finish()
    index.write(path / "index", collection, n_tokens, 1 << 22, Silent())
    token_index.write(path / "tokens", collection, tokens, Silent())
    latents, found = index.LatentIndex.open(path / "index"), Documents(documents)
    top = statistics.top_tokens(latents, ids, 5, 1 << 22, Silent())
    numbers = statistics.describe(collection.totals, n_tokens, top, latents, found.starts, found.docs)
    numbers.write(path / "statistics.parquet")
    TokenTable.of([f" {word}".encode() for word in names]).write(path / "vocabulary")
    ends = [
        random.integers(0, WORDS, (n_latents, 10)).astype(np.int32),
        random.random((n_latents, 10)).astype(np.float32),
    ]
    TokenLogits(*ends, *ends).write(path / "logits")
    facts = {
        "hook": "resid_post.1",
        "tokenizer_source": "made-up",
        "context_length": LENGTH,
        "special_ids": [],
        "filter": {},
    }
    alive = int(numbers.alive.sum())
    metrics = {
        "tokens": n_tokens, "latents_alive": alive, "latents_dead": n_latents - alive, "sae_sha256": "0123456789" * 6,
    }  # fmt: skip
    seal(path, Kind.FEATURES, config=facts, metrics=metrics)
    return open_artifact(path)


def write_journal(path: Path, n_latents: int, names: list[str]) -> None:
    random = np.random.default_rng(1)
    path.parent.mkdir(parents=True)
    some = np.array(names)[zipf(random, (n_latents, 4), WORDS)]
    with path.open("w", encoding="utf-8") as file:
        for latent, label in enumerate(some.tolist()):
            line = {
                "latent": latent,
                "label": " ".join(label),
                "starred": latent % 997 == 0,
                "at": "2026-01-01T00:00:00+00:00",
            }
            file.write(json.dumps(line) + "\n")


def row_of(artifact: Artifact) -> FeatureSet:
    manifest = artifact.manifest
    tokens, alive, dead = (manifest.metrics[name] for name in ("tokens", "latents_alive", "latents_dead"))
    return FeatureSet(
        id=manifest.id, name=artifact.path.name, path=str(artifact.path), bytes=0, created_at=now(),
        hook=manifest.config["hook"], manifest=manifest.model_dump(mode="json", exclude={"files"}),
        tokens=tokens, latents=alive + dead, alive=alive,
    )  # fmt: skip


def told(what: str, seconds: list[float]) -> None:
    p50, p95 = 1000 * np.quantile(seconds, [0.5, 0.95])
    print(f"{what:<58} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms", flush=True)


async def timed(what: str, work: Callable[[], Awaitable[Any]], times: int = 12) -> None:
    seconds = []
    for _ in range(times):
        begun = time.perf_counter()
        await work()
        seconds.append(time.perf_counter() - begun)
    told(what, seconds)


def questions(names: list[str]) -> dict[str, tuple[Wanted, int]]:
    common, rare = names[0], names[20_000]
    return {
        "strongest first": (Wanted(), 0),
        "density 1e-5…1e-3, alive, by mean": (Wanted(min_density=1e-5, max_density=1e-3, alive=True, sort="mean"), 0),
        "density > 1e-4, max > 30, unstarred, labelled, by max": (
            Wanted(min_density=1e-4, min_max=30.0, starred=False, labelled=True), 0,
        ),
        "nothing fits, by mean": (Wanted(min_density=1e-4, min_max=1e6, sort="mean"), 0),
        "starred, by documents": (Wanted(starred=True, sort="documents"), 0),
        "by label": (Wanted(sort="label", descending=False), 0),
        "alive, by max, from the middle": (Wanted(alive=True), 300_000),
        "by density, last page": (Wanted(sort="density"), 999_950),
        f"search {rare!r}": (Wanted(search=rare, sort="relevance"), 0),
        f"search {common!r} (in most)": (Wanted(search=common, sort="relevance"), 0),
        f"search {rare[:3]!r}": (Wanted(search=rare[:3], sort="relevance"), 0),
        "search 'a'": (Wanted(search="a", sort="relevance"), 0),
        f"search {common + ' ' + rare[:2]!r}": (Wanted(search=f"{common} {rare[:2]}", sort="relevance"), 0),
        f"search {rare[:3]!r}, alive, by max": (Wanted(search=rare[:3], alive=True, sort="max"), 0),
    }  # fmt: skip


async def ask_database(database: Database, set_id: str, names: list[str]) -> None:
    for what, (wanted, offset) in questions(names).items():

        async def page(wanted: Wanted = wanted, offset: int = offset) -> None:
            async with database.session() as session:
                of = await session.get(FeatureSet, set_id)
                assert of is not None
                await features_query.page(session, of, wanted, offset=offset, limit=50)

        await timed(f"list: {what}", page)


def read_pages(path: Path) -> None:
    features = Features.open(path)
    seconds = []
    for latent in np.random.default_rng(0).permutation(len(features))[:PAGES].tolist():
        begun = time.perf_counter()
        page = features.latent(latent, ContextConfig(whole=True))
        for group in page.groups:
            for context in group.contexts:
                features.pieces(context.token_ids)
        seconds.append(time.perf_counter() - begun)
    told("library: page with whole passages and their text", seconds)


async def ask_api(settings: Settings, n_latents: int) -> None:
    app: Any = create_app(settings)
    started, stop = asyncio.Event(), asyncio.Event()
    messages = iter([{"type": "lifespan.startup"}])

    async def receive() -> Any:
        if message := next(messages, None):
            return message
        await stop.wait()
        return {"type": "lifespan.shutdown"}

    async def send(_: Any) -> None:
        started.set()

    life = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send))
    await started.wait()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1/api/v1/feature-sets/made-up"
    ) as client:
        for what, path in {"page": "", "passages": "/examples"}.items():
            seconds, sizes = [], []
            for latent in np.random.default_rng(0).permutation(n_latents)[:PAGES].tolist():
                begun = time.perf_counter()
                answer = await client.get(f"/features/{latent}{path}", params={"alive": True, "sortBy": "mean"})
                seconds.append(time.perf_counter() - begun)
                sizes.append(len(answer.content))
                assert answer.status_code == 200, answer.text
            told(f"API: {what} of a latent ({np.median(sizes) / 1000:.0f} kB)", seconds)
    stop.set()
    await life


async def main(n_latents: int, folder: Path) -> None:
    names = words(np.random.default_rng(2))
    begun = time.perf_counter()
    artifact = write_features(folder / "home" / "features" / "made-up", n_latents, names)
    print(f"written: {n_latents:,} latents in {time.perf_counter() - begun:.1f} s", flush=True)
    begun = time.perf_counter()
    Features.open(artifact.path)
    print(f"opened in {1000 * (time.perf_counter() - begun):.0f} ms")
    read_pages(artifact.path)
    server = EmbeddedPostgres(folder / "postgres")
    url = server.start()
    try:
        await migrate(url)
        settings, row = (
            Settings(home=folder / "home", DATABASE_URL=url, MISTUDIO_REQUESTS_PER_MINUTE=10**6),
            row_of(artifact),
        )
        set_id = row.id
        write_journal(journal_of(settings.annotations_dir, set_id), n_latents, names)
        database = Database(url)
        begun = time.perf_counter()
        async with database.session() as session:
            session.add(row)
            await session.flush()
            await features_load.load(session, set_id, settings.annotations_dir)
        print(f"loaded, all of them labelled: {time.perf_counter() - begun:.1f} s", flush=True)
        await ask_database(database, set_id, names)
        await ask_api(settings, n_latents)
        begun = time.perf_counter()
        async with database.session() as session:
            await session.delete(await session.get(FeatureSet, set_id))
        print(f"deleted in {1000 * (time.perf_counter() - begun):.0f} ms")
        await database.close()
    finally:
        server.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, Path(made)))
