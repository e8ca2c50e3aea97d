"""Celery: it tells workers that a queue has work, and no more. What is to be done stands in the jobs' table.

Messages lie in folders of the home, or in Redis. A lost message delays a job by the reconciler's period, one that
comes twice does nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

from celery import Celery
from kombu.exceptions import KombuError

from mistudio.studio.queue.file_transport import SCHEME
from mistudio.studio.queue.requests import QUEUES, Queue
from mistudio.studio.settings import Settings

log = logging.getLogger(__name__)

WAKE = "mistudio.wake"
"""Look at a queue and run what waits there."""
RECONCILE = "mistudio.reconcile"
"""Queue again what a dead process left, and wake queues with work."""
RECONCILE_SECONDS = 5.0
_QUICK = {"socket_connect_timeout": 1, "socket_timeout": 1, "max_retries": 1, "interval_start": 0, "interval_step": 0}


def celery_app(settings: Settings) -> Celery:
    """The application that sends and receives messages."""
    app = Celery("mistudio")
    app.conf.update(
        **_broker(settings),
        task_ignore_result=True,
        task_default_queue="analysis",
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        beat_schedule={
            "reconcile": {
                "task": RECONCILE,
                "schedule": RECONCILE_SECONDS,
                "options": {"queue": "analysis", "expires": RECONCILE_SECONDS},
            }
        },
        beat_schedule_filename=str(settings.run_dir / "beat"),
    )
    return app


def _broker(settings: Settings) -> dict[str, Any]:
    if settings.redis_url:
        return {"broker_url": settings.redis_url, "broker_transport_options": {"visibility_timeout": 3600}}
    for folder in ("messages", "processed", "control"):
        (settings.queue_dir / folder).mkdir(parents=True, exist_ok=True)
    messages = str(settings.queue_dir / "messages")
    return {
        "broker_url": f"{SCHEME}://",
        "broker_transport_options": {
            "data_folder_in": messages,
            "data_folder_out": messages,
            "processed_folder": str(settings.queue_dir / "processed"),
            "control_folder": str(settings.queue_dir / "control"),
            "store_processed": False,
            "polling_interval": 0.1,
        },
    }


class Waker:
    """Wakes the workers of a queue."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app = celery_app(settings)
        self._app.conf.broker_transport_options |= _QUICK  # A request waits for this.

    def wake(self, queue: str) -> None:
        """Send the message. One that cannot be sent delays the job until the next look at the table, and no more."""
        try:
            self._app.send_task(WAKE, args=[queue], queue=queue, expires=60, ignore_result=True, retry=False)
        except (KombuError, OSError) as error:
            log.warning("The broker takes no message, so jobs start later: %s", error)

    async def wake_soon(self, queue: Queue | str) -> None:
        """Send the message from a coroutine."""
        await asyncio.to_thread(self.wake, queue)

    def reaches(self) -> bool:
        """Whether messages can be sent: the folder can be written to, or Redis answers."""
        if not self._settings.redis_url:
            return os.access(self._settings.queue_dir / "messages", os.W_OK | os.X_OK)
        try:
            with self._app.connection_for_write(connect_timeout=1) as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=1)
        except Exception:  # noqa: BLE001  every transport has errors of its own
            return False
        return True


__all__ = ["QUEUES", "RECONCILE", "WAKE", "Waker", "celery_app"]
