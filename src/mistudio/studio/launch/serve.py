"""One API process: `python -m mistudio.studio.launch.serve DESCRIPTOR READY_FILE`.

It answers on a socket that it inherits; several processes share it. Its number stands in the ready file once it does.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

import uvicorn

_LARGEST_MESSAGE_BYTES = 2**20
_STOP_SECONDS = 3


class _Announced(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready_file: Path) -> None:
        super().__init__(config)
        self._ready_file = ready_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        with suppress(OSError):  # On a full disk it serves all the same.
            self._ready_file.write_text(str(os.getpid()), encoding="ascii")


def main(descriptor: int, ready_file: Path) -> None:
    """Serve until told to stop."""
    config = uvicorn.Config(
        "mistudio.studio.app:create_app",
        factory=True,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws_max_size=_LARGEST_MESSAGE_BYTES,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = _Announced(config, ready_file)
    server.run(sockets=[socket.socket(fileno=descriptor)])
    if not server.started:
        raise SystemExit(3)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
