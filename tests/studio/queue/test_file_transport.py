"""Messages that lie in a folder."""

from __future__ import annotations

from pathlib import Path
from queue import Empty
from typing import Any

import pytest

from mistudio.studio.queue.celery_app import celery_app
from mistudio.studio.settings import Settings


@pytest.fixture
def messages(settings: Settings) -> Path:
    return settings.queue_dir / "messages"


@pytest.fixture
def channel(settings: Settings) -> Any:
    return celery_app(settings).connection_for_write().channel()


def test_a_broken_message_is_passed_over(channel: Any, messages: Path, tmp_path: Path) -> None:
    channel._put("analysis", {"look": "here"})
    (messages / f"0_{tmp_path.name}.analysis.msg").write_bytes(b"")
    (messages / f"00_{tmp_path.name}.analysis.msg").write_bytes(b'{"body": "')
    assert channel._get("analysis") == {"look": "here"}
    with pytest.raises(Empty):
        channel._get("analysis")
    assert not [*messages.iterdir()]


def test_a_message_that_is_being_written_is_not_taken(channel: Any, messages: Path) -> None:
    (messages / ".0_half.analysis.msg").write_bytes(b'{"body": "')
    with pytest.raises(Empty):
        channel._get("analysis")


def test_a_message_is_only_for_its_queue(channel: Any) -> None:
    channel._put("training", {"look": "here"})
    with pytest.raises(Empty):
        channel._get("analysis")
    assert channel._get("training") == {"look": "here"}
