from typing import Annotated

import pytest
from fastapi import Body, FastAPI

from mistudio.studio.http import errors
from mistudio.studio.http.body_limit import JSON_BYTES, BodyLimit
from mistudio.studio.settings import Settings
from tests.studio.http.asking import ask, echo


@pytest.fixture
def limited(tmp_path):
    return BodyLimit(echo, Settings(home=tmp_path, max_upload_bytes=2 * JSON_BYTES))


def in_pieces(size):
    async def pieces():
        for _ in range(0, size, 4096):
            yield b"x" * 4096

    return pieces()


@pytest.mark.parametrize("path", ["/api/v1/datasets", "/api/v1/trainings"])
def test_a_body_as_large_as_allowed_passes_and_one_byte_more_does_not(limited, path):
    assert ask(limited, "POST", path, content=b"x" * JSON_BYTES).text == str(JSON_BYTES)
    answer = ask(limited, "POST", path, content=b"x" * (JSON_BYTES + 1))
    assert answer.status_code == 413
    assert "1,048,576 bytes" in answer.json()["error"]["details"]["remedy"]


def test_a_body_that_does_not_say_its_size_is_stopped_where_it_is_too_large(limited):
    assert ask(limited, "POST", "/api/v1/datasets", content=in_pieces(JSON_BYTES + 4096)).status_code == 413


def test_an_upload_may_be_as_large_as_the_settings_say(limited):
    path = "/api/v1/datasets/upload"
    assert ask(limited, "POST", path, content=b"x" * 2 * JSON_BYTES).status_code == 200
    assert ask(limited, "POST", path, content=b"x" * (2 * JSON_BYTES + 1)).status_code == 413


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/upload"),
        ("POST", "/api/v1/datasets/upload/"),
        ("POST", "/api/v1/models/upload"),
        ("PATCH", "/api/v1/datasets/upload"),
        ("DELETE", "/api/v1/datasets/upload"),
    ],
)
def test_only_the_upload_itself_may_be_large(limited, method, path):
    assert ask(limited, method, path, content=b"x" * (JSON_BYTES + 1)).status_code == 413


def test_an_endpoint_that_reads_too_large_a_body_answers_413_too(tmp_path):
    api = FastAPI()
    errors.install(api)

    @api.post("/api/v1/things")
    async def take(thing: Annotated[dict, Body()]) -> int:
        return len(thing)

    answer = ask(
        BodyLimit(api, Settings(home=tmp_path)),
        "POST",
        "/api/v1/things",
        content=in_pieces(2 * JSON_BYTES),
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "TooLarge")
