"""Messages that lie in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from kombu import Connection

from mistudio.studio.queue.celery_app import celery_app
from mistudio.studio.settings import Settings


@pytest.fixture
def messages(settings: Settings) -> Path:
    return settings.queue_dir / "messages"


@pytest.fixture
def connection(settings: Settings) -> Connection:
    return celery_app(settings).connection_for_write()


def test_a_broken_message_is_passed_over(connection: Connection, messages: Path) -> None:
    with connection.SimpleQueue("analysis") as queue:
        (messages / "0_torn.analysis.msg").write_bytes(b"")
        (messages / "00_torn.analysis.msg").write_bytes(b'{"body": "')
        queue.put({"look": "here"})
        got = queue.get(timeout=5)
        assert got.payload == {"look": "here"}
        got.ack()
        with pytest.raises(queue.Empty):
            queue.get(block=False)
    assert not [*messages.iterdir()]


def test_a_message_that_is_being_written_is_not_taken(connection: Connection, messages: Path) -> None:
    with connection.SimpleQueue("analysis") as queue:
        (messages / ".0_half.analysis.msg").write_bytes(b'{"body": "')
        with pytest.raises(queue.Empty):
            queue.get(block=False)
