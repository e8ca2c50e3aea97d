"""Whatever is sent to the API, it answers as its document says, and never with a failure of its own."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as bounded
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from mistudio.studio.app import build_api
from mistudio.studio.db import artifacts
from mistudio.studio.db.features_load import load_missing
from mistudio.studio.db.indexing import index_store
from mistudio.studio.db.session import Database
from mistudio.studio.settings import Settings
from tests.studio.engine.conftest import EngineProcess, home  # noqa: F401
from tests.studio.serving import serving

EXAMPLES = 10
SEED = 20260101
CHECKS = [
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.status_code_conformance,
]
OUTSIDE = {"DownloadFailed", "EngineUnavailable", "NotEnoughMemory", "DiskFull"}
"""Failures that are not the API's: there is no network, and what was asked for is huge."""
LARGE = {"requests_per_minute": 10**6, "downloads_per_hour": 10**6, "generations_per_hour": 10**6}


@pytest.fixture
def filled(home: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:  # noqa: F811
    """A studio with a model, an SAE, features and nothing of value."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    shutil.copytree(home, settings.home, dirs_exist_ok=True)
    return settings.model_copy(update={**LARGE, "data_roots": str(settings.home)})


@pytest.fixture
def engine(filled: Settings) -> Iterator[EngineProcess]:
    folder = Path(filled.engine_address.removeprefix("unix:")).parent
    folder.mkdir(parents=True, exist_ok=True)
    process = EngineProcess(filled.home, folder)
    yield process
    process.kill()


def known_ids(settings: Settings) -> dict[str, Any]:
    """Index the store; what a parameter of that name may be, so that it names something."""

    async def run() -> dict[str, Any]:
        database = Database(str(settings.database_url))
        await index_store(database, settings.store, settings.evaluations_dir)
        await load_missing(database, settings.annotations_dir)
        known: dict[str, Any] = {"latent": 5}
        async with database.session() as session:
            for entity in artifacts.TABLES:
                rows, _ = await artifacts.page(session, entity)
                if rows:
                    known[f"{entity}_id"] = rows[0].id
        await database.close()
        return known

    return asyncio.run(run())


def naming(value: Any, known: dict[str, Any]) -> Any:
    """The same, with what is there in place of made-up ids."""
    if isinstance(value, dict):
        return {key: known.get(key, naming(each, known)) for key, each in value.items()}
    return [naming(each, known) for each in value] if isinstance(value, list) else value


def operations() -> list[Any]:
    """Every endpoint; what removes things comes last."""
    schema = schemathesis.openapi.from_dict(build_api().openapi())
    found = [result.ok() for result in schema.get_all_operations()]
    return sorted(found, key=lambda each: each.method == "delete")


def problems_of(operation: Any, url: str, known: dict[str, Any]) -> list[str]:
    """Send the endpoint what it takes and what it does not, with ids that exist and with others."""
    positive, negative = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)
    # Noted and not raised: the same request has another answer the second time, when what it made is there.
    problems = []

    @seed(SEED)
    @bounded(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(positive, negative), real=st.booleans())
    def run(case: Any, real: bool) -> None:
        if real:
            case.path_parameters = naming(case.path_parameters, known)
            case.body = naming(case.body, known)
        answer = case.call(base_url=url, timeout=60)
        if answer.status_code >= 500 and answer.json()["error"]["code"] not in OUTSIDE:
            problems.append(f"{case.as_curl_command()}\n{answer.status_code} {answer.text}")
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            problems.extend(str(each) for each in group.exceptions)
            problems.append(case.as_curl_command())

    run()
    return problems


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Do not use the .random. module")
def test_no_request_breaks_the_api_or_its_document(filled: Settings, engine: EngineProcess, subtests: Any) -> None:
    known = known_ids(filled)
    with serving(filled) as url:
        for operation in operations():
            with subtests.test(operation.label):
                assert problems_of(operation, url, known) == []
    assert "Traceback" not in engine.log
