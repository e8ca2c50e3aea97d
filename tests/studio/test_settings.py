"""What the environment decides where others than this machine's users come in."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mistudio.errors import BadInput
from mistudio.studio.settings import Settings, job_environment, make_private


@pytest.mark.parametrize(
    ("options", "shared"),
    [({}, False), ({"host": "0.0.0.0"}, True), ({"api_tokens": "admin:0123456789abcdef"}, True)],
)
def test_a_studio_with_tokens_is_one_that_others_reach(tmp_path, options, shared):
    settings = Settings(home=tmp_path, **options)
    assert settings.is_shared is shared
    assert settings.readable_roots()[1:] == () if shared else len(settings.readable_roots()) == 2
    assert settings.limit("downloads_per_hour") == (10 if shared else 120)


def test_a_job_is_not_told_the_tokens(monkeypatch):
    monkeypatch.setenv("MISTUDIO_API_TOKENS", "admin:0123456789abcdef")
    monkeypatch.setenv("REDIS_URL", "redis://:secret@somewhere")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@/studio")
    environment = job_environment()
    assert "DATABASE_URL" in environment
    assert not {"MISTUDIO_API_TOKENS", "REDIS_URL"} & environment.keys()


@pytest.fixture
def far_home() -> Iterator[tuple[Path, Path]]:
    """A home so deep that a socket in it has too long a path, and the folder where the socket is kept instead."""
    home = Path("/nowhere") / ("deep" * 30) / os.urandom(4).hex()
    folder = Path(f"/tmp/mistudio-4242-{hashlib.sha256(bytes(home)).hexdigest()[:16]}")
    yield home, folder
    folder.rmdir()


def test_the_folder_of_a_far_homes_socket_is_this_users_alone(monkeypatch, far_home):
    home, folder = far_home
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    assert Settings(home=home).engine_address == f"unix:{folder}/engine.sock"
    monkeypatch.undo()
    make_private(folder)
    make_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_somebody_else_put_there_is_refused_in_a_sentence(monkeypatch, far_home):
    home, folder = far_home
    folder.mkdir()
    if os.getuid() == 0:  # What is root's is trusted.
        os.chown(folder, 4243, -1)
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    for use in (lambda: Settings(home=home).engine_address, lambda: make_private(folder)):
        with pytest.raises(BadInput, match="is no folder of your own"):
            use()
