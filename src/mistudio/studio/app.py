"""The studio as an ASGI application: API, sockets and pages on one port.

uvicorn --factory mistudio.studio.app:create_app
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import socketio
from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute

from mistudio.errors import MistudioError
from mistudio.studio.db.session import Database
from mistudio.studio.engine.client import EngineClient
from mistudio.studio.events.sockets import SOCKET_PATH, LiveEvents
from mistudio.studio.http import auth, errors
from mistudio.studio.http.dependencies import StudioState
from mistudio.studio.http.request_id import HEADER, begin_request
from mistudio.studio.queue.celery_app import Waker
from mistudio.studio.sampling.machine import Machine
from mistudio.studio.settings import Settings, load_settings

API = "/api/v1"
GROUPS = (
    "jobs",
    "corpora",
    "tokenizations",
    "language_models",
    "features",
    "steering",
    "presets",
    "engine",
    "settings",
    "system",
    "store",
)
"""The files of studio/api; each has a `router`."""


def create_app(settings: Settings | None = None) -> Any:
    """The application that uvicorn serves."""
    settings = settings or load_settings()
    assert settings.database_url is not None, "the launcher names the database to every process"
    database = Database(settings.database_url)
    live = LiveEvents(database, allow=_may_connect(settings), origins=auth.allowed_origins(settings) or None)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = EngineClient(settings.engine_address)
        app.state.studio = StudioState(settings, database, Waker(settings), engine, Machine(settings))
        live.start()
        try:
            yield
        finally:
            await live.stop()
            await engine.close()
            await database.close()

    app = build_api(lifespan)
    _guard(app, settings)
    # The API is outermost, so that its start and end run; sockets are passed on by path.
    return socketio.ASGIApp(live.server, other_asgi_app=app, socketio_path=SOCKET_PATH.lstrip("/"))


def build_api(lifespan: Any = None) -> FastAPI:
    """The API without anything behind it: enough for its OpenAPI document."""
    app = FastAPI(
        title="miStudio",
        version="1",
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url="/api/docs",
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    errors.install(app)
    for group in GROUPS:
        app.include_router(import_module(f"mistudio.studio.api.{group}").router, prefix=API)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _may_connect(settings: Settings) -> Callable[[dict[str, Any], dict[str, Any]], bool]:
    return lambda environ, given: auth.role_of(settings, given.get("token")) is not None and bool(environ)


def _guard(app: FastAPI, settings: Settings) -> None:
    hosts = auth.allowed_hosts(settings)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        request_id = begin_request(request.headers.get(HEADER))
        response: Response
        try:
            auth.check_host(hosts, request.headers.get("host"))
            auth.check_request(settings, request.method, request.url.path, request.headers)
            response = await call_next(request)
        except MistudioError as error:
            response = errors.of_error(error)
        response.headers[HEADER] = request_id
        return response
