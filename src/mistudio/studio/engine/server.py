"""The engine's process: `python -m mistudio.studio.engine.server --address unix:PATH --home DIR --idle-unload 900`.

It carries gRPC and nothing heavier until the first model is loaded. Torch cannot be put down again, so when the last
model has left the process executes itself anew, under the same pid; clients wait the half second that this takes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import grpc

from mistudio.config import Config
from mistudio.errors import BadInput, MistudioError
from mistudio.studio.engine import calls
from mistudio.studio.engine.calls import Call
from mistudio.studio.engine.failures import failure_of
from mistudio.studio.engine.methods import Caller, Methods
from mistudio.studio.engine.residency import Residency
from mistudio.studio.engine.wire import decode, encode
from mistudio.studio.logs import belong_to_request, configure_logging, end_process
from mistudio.studio.settings import load_settings, make_private

LOG = logging.getLogger("mistudio.studio.engine")
_OPTIONS = (
    ("grpc.max_receive_message_length", calls.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", calls.MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
)
_GRACE_SECONDS = 0.5
"""Time that running calls have when the process is told to end."""
_LONGEST_SOCKET_PATH = 100

Context = grpc.aio.ServicerContext[bytes, bytes]


class Server:
    """gRPC around the methods."""

    def __init__(self, home: Path, idle_unload_seconds: float) -> None:
        self._residency = Residency(idle_unload_seconds)
        self._methods = Methods(home, self._residency, self._stop)
        self._stopped = asyncio.Event()
        self._anew = False
        self._terminated = False

    async def serve(self, address: str) -> bool:
        """Answer until told to stop; True where the process shall start anew.

        Raises:
            BadInput: the address cannot be listened on.
        """
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers((self._handlers(),))
        _listen(server, address)
        await server.start()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, False)
        LOG.info("The engine answers at %s.", address)
        watching = asyncio.create_task(self._watch())
        await self._stopped.wait()
        watching.cancel()
        await server.stop(_GRACE_SECONDS)
        self._residency.close()
        return self._anew and not self._terminated

    def _stop(self, anew: bool) -> None:
        self._anew |= anew
        self._terminated |= not anew
        self._stopped.set()

    async def _watch(self) -> None:
        """Unload what is idle, a tenth of the time late at most."""
        pause = min(max(self._residency.idle_seconds / 10, 0.05), 5.0)
        while True:
            await asyncio.sleep(pause)
            try:
                await self._methods.rest()
            except Exception:
                LOG.exception("Unloading failed.")

    def _handlers(self) -> Any:
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        methods = self._methods
        return grpc.method_handlers_generic_handler(
            calls.SERVICE,
            {
                calls.STATUS.name: unary(self._answering(calls.STATUS, methods.status, work=False)),
                calls.LOAD.name: unary(self._answering(calls.LOAD, methods.load)),
                calls.UNLOAD.name: unary(self._answering(calls.UNLOAD, methods.unload)),
                calls.DESCRIBE.name: unary(self._answering(calls.DESCRIBE, methods.describe)),
                calls.GENERATE.name: stream(self._answering(calls.GENERATE, methods.generate)),
                calls.ACTIVATIONS.name: unary(self._answering(calls.ACTIVATIONS, methods.activations)),
                calls.MAKE_ROOM.name: unary(self._answering(calls.MAKE_ROOM, methods.make_room)),
                calls.SHUTDOWN.name: unary(self._answering(calls.SHUTDOWN, methods.shutdown)),
            },
        )

    def _answering(
        self, call: Call[Any, Any], method: Callable[[Any, Caller], Awaitable[Config | None]], *, work: bool = True
    ) -> Callable[[bytes, Context], Awaitable[bytes | None]]:
        """What gRPC calls: bytes in, bytes out, and errors as clients understand them."""

        async def answer(data: bytes, context: Context) -> bytes | None:
            if self._stopped.is_set():
                await context.abort(grpc.StatusCode.UNAVAILABLE, "The engine is starting anew.")
            await context.send_initial_metadata(((calls.ACCEPTED, "1"),))
            if request_id := _said(context).get(calls.REQUEST):
                belong_to_request(str(request_id))

            async def send(message: Config) -> None:
                await context.write(encode(message))

            began = time.perf_counter()
            try:
                with self._methods.working() if work else contextlib.nullcontext():
                    result = await method(decode(data, call.request), Caller(_name_of(context), send))
                    return None if result is None else encode(result)
            except Exception as error:
                if not isinstance(error, MistudioError):
                    LOG.exception("%s failed.", call.name)
                failure = failure_of(error)
            finally:
                milliseconds = round((time.perf_counter() - began) * 1000, 2)
                level = logging.INFO if work else logging.DEBUG
                LOG.log(level, "call", extra={"call": call.name, "milliseconds": milliseconds})
            return await context.abort(failure.code, failure.details, failure.metadata)

        return answer


def _name_of(context: Context) -> str:
    """The client's own name for itself, else its connection."""
    name = _said(context).get(calls.ON_BEHALF_OF)
    return name.decode(errors="replace") if isinstance(name, bytes) else context.peer()


def _said(context: Context) -> dict[str, str | bytes]:
    """What the client sent beside its question."""
    return dict(context.invocation_metadata() or ())


def _listen(server: grpc.aio.Server, address: str) -> None:
    # Nobody but this user may connect: whoever can, can read the store.
    before = os.umask(0o177)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise BadInput(f"The engine cannot listen at {address}: {error}", remedy="Choose another address.") from error
    finally:
        os.umask(before)
    if port == 0:
        raise BadInput(f"The engine cannot listen at {address}.", remedy="Choose another address.")


@contextlib.contextmanager
def _alone(address: str) -> Iterator[None]:
    """Hold the address: a second engine would take the socket away from the first."""
    path = Path(address.removeprefix("unix:"))
    if not address.startswith("unix:"):
        yield
        return
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        raise BadInput(
            f"{path} is too long for a socket: the system allows {_LONGEST_SOCKET_PATH} bytes.",
            remedy="Set MISTUDIO_HOME to a shorter path.",
        )
    make_private(path.parent)
    with path.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadInput(
                f"Another engine answers at {address}.", remedy="Use that one, or stop it with `mistudio down`."
            ) from error
        yield


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The process that owns the loaded models and SAEs.")
    parser.add_argument("--address", required=True, help="unix:PATH or HOST:PORT")
    parser.add_argument("--home", required=True, type=Path, help="the studio's home; nothing outside is read")
    parser.add_argument("--idle-unload", type=float, default=900.0, help="seconds after which idle models leave")
    return parser.parse_args(arguments)


async def _serve(options: argparse.Namespace) -> bool:
    return await Server(options.home, options.idle_unload).serve(options.address)


def main() -> NoReturn:
    """Serve until told to stop."""
    options = _options(sys.argv[1:])
    try:
        configure_logging(load_settings())
        with _alone(options.address):
            anew = asyncio.run(_serve(options))
    except MistudioError as error:
        LOG.error("%s %s", error.message, error.remedy)
        end_process(error.exit_code)
    if anew:
        LOG.info("Nothing is loaded: starting anew to give the memory back.")
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    # A thread that is reading weights cannot be stopped, and need not be waited for.
    end_process(0)


if __name__ == "__main__":
    main()
