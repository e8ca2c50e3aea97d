"""Messages in the files of a folder, as kombu has them, each of which is there whole or not at all.

kombu opens a message under its last name and writes it then: who looks in between takes an empty one, and ends.
"""

from __future__ import annotations

import json
import logging
import os
import time
import uuid
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import JSONEncoder

SCHEME = "mistudio-files"
log = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """One that names a message when it is written, and passes over one that is broken."""

    def _put(  # type: ignore[override]  # kombu gives its own two names
        self,
        queue: Any,
        message: Any,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        name = f"{time.monotonic_ns() // 1_000_000}_{uuid.uuid4()}.{queue}.msg"
        hidden = os.path.join(self.data_folder_out, f".{name}")  # A name that no queue has.
        try:
            with open(hidden, "w", encoding="utf-8") as file:
                file.write(json.dumps(message, cls=JSONEncoder))
            os.replace(hidden, os.path.join(self.data_folder_out, name))
        except OSError as error:
            raise ChannelError(f"The message {name} cannot be written: {error.strerror}") from error

    def _get(self, queue: Any, timeout: Any = None) -> Any:  # noqa: ARG002
        while True:
            try:
                return super()._get(queue)  # type: ignore[no-untyped-call]
            except ValueError:
                log.warning("A message of the queue %s was broken, and is passed over.", queue)


class Transport(filesystem.Transport):
    """`SCHEME://` in a broker's address."""

    Channel = Channel


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:{Transport.__name__}"
