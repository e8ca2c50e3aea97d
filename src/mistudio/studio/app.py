"""The studio as an ASGI application: API, sockets and pages on one port.

uvicorn --factory mistudio.studio.app:create_app
python -m mistudio.studio.app openapi > ui/openapi.json
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import socketio
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from mistudio.errors import DatabaseUnavailable
from mistudio.studio.db import presets
from mistudio.studio.db.built_in import TEMPLATES
from mistudio.studio.db.session import Database
from mistudio.studio.engine.client import EngineClient
from mistudio.studio.events.sockets import SOCKET_PATH, LiveEvents
from mistudio.studio.http import auth, errors, openapi
from mistudio.studio.http.body_limit import BodyLimit
from mistudio.studio.http.dependencies import StudioState
from mistudio.studio.http.edge import Edge
from mistudio.studio.http.guard import Guard
from mistudio.studio.http.health import Health
from mistudio.studio.http.held_features import HeldFeatures
from mistudio.studio.http.idempotency import REPLAYED, Idempotency
from mistudio.studio.http.metrics import Metrics
from mistudio.studio.http.pages import Pages
from mistudio.studio.http.rate_limits import RateLimiter, RateLimits
from mistudio.studio.http.request_id import HEADER
from mistudio.studio.http.store_index import keep_looking, look_at_store, stamps
from mistudio.studio.logs import configure_logging
from mistudio.studio.queue.celery_app import Waker
from mistudio.studio.sampling.machine import Machine
from mistudio.studio.sampling.sampler import keep_sampling
from mistudio.studio.settings import Settings, load_settings

API = "/api/v1"
GROUPS = (
    "jobs",
    "corpora",
    "tokenizations",
    "language_models",
    "activations",
    "training",
    "saes",
    "probings",
    "estimates",
    "demo",
    "features",
    "steering",
    "presets",
    "engine",
    "settings",
    "events",
    "health",
    "system",
    "store",
)
"""The files of studio/api; each has a `router`."""
_NOT_PAGES = ("/api", "/health", "/metrics")
_SHOWN_HEADERS = (HEADER, REPLAYED, "Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> ASGIApp:
    """The application that uvicorn serves; without settings, as a process of its own that reads the environment."""
    if settings is None:
        settings = load_settings()
        configure_logging(settings)
    assert settings.database_url is not None, "the launcher names the database to every process"
    database, limits = Database(settings.database_url), RateLimits(settings)
    metrics = Metrics(database)
    live = LiveEvents(
        database,
        allow=_may_connect(settings),
        is_allowed=lambda origin, environ: auth.may_use(settings, origin, environ.get("HTTP_HOST")),
    )

    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        engine, waker, machine = EngineClient(settings.engine_address), Waker(settings), Machine(settings)
        health = Health(settings, database, waker)
        features = HeldFeatures(database, settings.annotations_dir)
        api.state.studio = StudioState(settings, database, waker, engine, machine, live, health, metrics, features)
        await _seed(database)
        live.start()
        tasks = [
            asyncio.create_task(keep_sampling(database, machine)),
            asyncio.create_task(limits.keep_summing(database)),
            asyncio.create_task(_watch_store(settings, database, features)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await live.stop()
            await features.close()
            await engine.close()
            await health.close()
            await database.close()

    app = in_layers(build_api(lifespan), settings, database, limits, live)
    return Edge(app, metrics.measure)


async def _watch_store(settings: Settings, database: Database, features: HeldFeatures) -> None:
    """What the command line made appears by itself, also while the studio runs."""
    seen = await asyncio.to_thread(stamps, settings)
    try:
        await look_at_store(settings, database)
        await features.prepare()
    except Exception:
        log.exception("the store could not be looked at")
    await keep_looking(settings, database, seen)


def in_layers(api: ASGIApp, settings: Settings, database: Database, limits: RateLimits, live: LiveEvents) -> ASGIApp:
    """What stands between the network and the API, innermost first."""
    app: ASGIApp = Idempotency(Pages(api, _NOT_PAGES), database, settings)
    app = GZipMiddleware(app, minimum_size=1000, compresslevel=4)
    app = BodyLimit(app, settings)
    # It passes start and end on to the application, and takes what is for the sockets.
    app = socketio.ASGIApp(live.server, other_asgi_app=app, socketio_path=SOCKET_PATH.lstrip("/"))
    app = RateLimiter(Guard(app, settings), limits, settings)
    if origins := auth.allowed_origins(settings):
        app = CORSMiddleware(
            app, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], expose_headers=_SHOWN_HEADERS
        )
    return app


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The complete document."""
        if not self.openapi_schema:
            self.openapi_schema = openapi.complete(super().openapi())
        return self.openapi_schema


def build_api(lifespan: Any = None) -> FastAPI:
    """The API without anything behind it: enough for its OpenAPI document."""
    api = _Api(
        title="miStudio",
        version="1",
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    errors.install(api)
    for group in GROUPS:
        api.include_router(_group(group).router, prefix=API, responses=errors.errors())
    health = _group("health")
    api.include_router(health.router, include_in_schema=False)
    api.include_router(health.numbers)

    @api.get("/api/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(openapi.page(api.openapi()))

    return api


def _group(name: str) -> Any:
    return import_module(f"mistudio.studio.api.{name}")


def _operation_id(route: Any) -> str:
    return str(route.name)


def _may_connect(settings: Settings) -> Callable[[dict[str, Any], dict[str, Any]], bool]:
    def may_connect(_environ: dict[str, Any], given: dict[str, Any]) -> bool:
        token = given.get("token")
        return auth.role_of(settings, token if isinstance(token, str) else None) is not None

    return may_connect


async def _seed(database: Database) -> None:
    try:
        async with database.session() as session:
            await presets.seed(session, TEMPLATES)
    except DatabaseUnavailable as error:  # The next start does it.
        log.warning("the built-in templates are not written: %s", error)


if __name__ == "__main__":
    if sys.argv[1:] != ["openapi"]:
        raise SystemExit(__doc__)
    sys.stdout.write(json.dumps(build_api().openapi(), indent=1, ensure_ascii=False) + "\n")
