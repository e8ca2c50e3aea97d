"""What the environment decides where others than this machine's users come in."""

from __future__ import annotations

import pytest

from mistudio.studio.settings import Settings, job_environment


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
