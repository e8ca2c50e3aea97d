"""The socket that browsers connect to.

It is opened before anything starts and inherited by all that answer on it, so that a taken port is said at once, and
nobody is refused while a process is started again.
"""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

import psutil

from mistudio.errors import BadInput
from mistudio.studio.launch.identity import MARK
from mistudio.studio.settings import Settings

_BACKLOG = 1024


def listen(settings: Settings) -> socket.socket:
    """A socket on the studio's address.

    Raises:
        BadInput: the port is taken or not allowed, the address is none of this machine's, or other machines could reach
            the studio without a token.
    """
    if settings.listens_elsewhere and not settings.tokens:
        raise BadInput(
            f"On {settings.host} other machines can reach the studio, and it has no token to ask them for.",
            remedy="Set MISTUDIO_API_TOKENS, e.g. to admin:$(openssl rand -hex 16), or leave out --host.",
        )
    try:
        family, kind, protocol, _, address = _resolve(settings.host, settings.port)
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except socket.gaierror as error:
        raise BadInput(f"There is no address {settings.host}.", remedy="Give an address with --host.") from error
    except OSError as error:
        raise _refusal(settings, error) from error
    return listener


def _resolve(host: str, port: int) -> tuple[int, int, int, str, tuple[object, ...]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return min(found, key=lambda each: each[0] != socket.AF_INET)


def _refusal(settings: Settings, error: OSError) -> BadInput:
    if error.errno == errno.EADDRINUSE:
        return BadInput(
            f"Port {settings.port} is taken{_by_whom(settings.port)}.",
            remedy=f"End that program, or use another port: mistudio up --port {_free_port(settings)}",
        )
    if error.errno == errno.EACCES:
        return BadInput(
            f"Port {settings.port} may not be used by this user.", remedy="Give a port above 1023 with --port."
        )
    return BadInput(
        f"The studio cannot listen on {settings.host}, port {settings.port}: {error.strerror}.",
        remedy="Give an address of this machine with --host.",
    )


def _by_whom(port: int) -> str:
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                if connection.pid is None:
                    break
                process = psutil.Process(connection.pid)
                with suppress(psutil.Error):
                    if home := process.environ().get(MARK):
                        return f" by the studio of {home}"
                return f" by {process.name()} (process {process.pid})"
    return ""


def _free_port(settings: Settings) -> int:
    """The next port that is free now."""
    for port in range(settings.port + 1, min(settings.port + 200, 65_536)):
        with suppress(OSError), socket.socket() as trial:
            trial.bind((settings.host if settings.host != "::" else "", port))
            return port
    return min(settings.port + 1, 65_535)
